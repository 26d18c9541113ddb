-- Bitcoin's times can step back over midnight. Then blocks of the day before the range lie between blocks of its first
-- day, or blocks of the day after it between blocks of its last day. One row per such place: the heights around it.
WITH heights AS (
    SELECT block_height AS height, min(day) AS day FROM canonical_rows GROUP BY block_height
),
neighbours AS (
    SELECT height, day, lead(height) OVER following AS next_height, lead(day) OVER following AS next_day
    FROM heights
    WINDOW following AS (ORDER BY height)
)
SELECT height, next_height
FROM neighbours
WHERE next_height > height + 1
    AND day = next_day
    AND day IN ((SELECT min(day) FROM heights), (SELECT max(day) FROM heights))
