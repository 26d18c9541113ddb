-- One row per window H: the band L < k <= H, where L is the next shorter window, 0 for the first.
CREATE TABLE bands AS
SELECT unnest($longer_than::INTEGER[]) AS longer_than, unnest($windows::INTEGER[]) AS window_days;
