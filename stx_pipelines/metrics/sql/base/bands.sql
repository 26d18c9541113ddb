-- Every window H as the band L < k <= H, where L is the next smaller window.
CREATE TABLE bands AS
SELECT unnest($longer_than::INTEGER[]) AS longer_than, unnest($windows::INTEGER[]) AS window_days;
