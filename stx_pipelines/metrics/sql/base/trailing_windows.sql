-- One row per wallet that is active in the last `length` days. No row unless all these days are covered.
CREATE MACRO trailing_window(length) AS TABLE
SELECT id, length AS window_days, sum(tx_count)::BIGINT AS tx_count, sum(fee_ustx)::BIGINT AS fee_ustx
FROM activity, scope
WHERE day > coverage_end - length AND coverage_end - length + 1 >= coverage_start
GROUP BY id;

-- These rows for all windows of an option. They are computed at each use, which takes less memory than a table. DuckDB
-- groups window by window twice as fast as all windows at once.
SET VARIABLE of_trails = (
    SELECT string_agg(format('FROM trailing_window({})', window_days), ' UNION ALL ') FROM trails
);
CREATE VIEW trailing_windows AS FROM query(getvariable('of_trails'));
SET VARIABLE of_bands = (
    SELECT string_agg(format('FROM trailing_window({})', window_days), ' UNION ALL ') FROM bands
);
CREATE VIEW trailing_bands AS FROM query(getvariable('of_bands'));
