-- One row per window H. Its band is L < k <= H, where L is the next shorter window, or 0 for the shortest, and k is the
-- number of days since the wallet's first day.
CREATE TABLE bands AS
SELECT unnest($longer_than::INTEGER[]) AS longer_than, unnest($windows::INTEGER[]) AS window_days;
