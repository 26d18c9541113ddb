-- One row per wallet with activity in its first 30 days (0 <= k < 30).
CREATE TABLE first_month AS
SELECT id, sum(tx_count)::BIGINT AS tx_count, sum(fee_ustx)::BIGINT AS fee_ustx
FROM activity, scope
WHERE k < scope.funnel_days
GROUP BY id;
