CREATE VIEW trailing_lengths AS SELECT window_days FROM trails UNION SELECT window_days FROM bands;

-- The activity of the longest trailing window. DuckDB adds numbers of a table faster than those of a file, because it
-- knows how large their sum can be. It knows this only if the table is not joined.
CREATE TABLE recent_activity AS
SELECT id, day, tx_count, fee_ustx
FROM activity
WHERE day > getvariable('coverage_end') - (SELECT max(window_days) FROM trailing_lengths);

-- One row per wallet that is active in the last `length` days. No row unless all these days are covered.
CREATE MACRO trailing_window(length) AS TABLE
SELECT id, length AS window_days, sum(tx_count)::BIGINT AS tx_count, sum(fee_ustx)::BIGINT AS fee_ustx
FROM recent_activity
WHERE day > getvariable('coverage_end') - length
    AND getvariable('coverage_end') - length + 1 >= getvariable('coverage_start')
GROUP BY id;

-- These rows for each window of both options. DuckDB groups window by window twice as fast as all windows at once.
SET VARIABLE each_window = (
    SELECT string_agg(format('FROM trailing_window({})', window_days), ' UNION ALL ') FROM trailing_lengths
);
CREATE TABLE trailing_sums AS FROM query(getvariable('each_window'));
DROP TABLE recent_activity;

CREATE VIEW trailing_windows AS FROM trailing_sums SEMI JOIN trails USING (window_days);
CREATE VIEW trailing_bands AS FROM trailing_sums SEMI JOIN bands USING (window_days);
