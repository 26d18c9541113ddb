-- Every day is compared with the sum of the 30 days that end with it.
SELECT daily.date, any_value(daily.fee_30d_ustx) AS fee_30d_ustx, sum(last.fee_ustx)::BIGINT AS expected_ustx
FROM network_daily AS daily
JOIN network_daily AS last ON last.date BETWEEN daily.date - 29 AND daily.date
CROSS JOIN scope
GROUP BY daily.date
HAVING any_value(daily.fee_30d_ustx) IS DISTINCT FROM
        CASE WHEN daily.date - 29 >= any_value(coverage_start) THEN sum(last.fee_ustx)::BIGINT END
    OR any_value(daily.fee_30d_stx) IS DISTINCT FROM stx(any_value(daily.fee_30d_ustx))
