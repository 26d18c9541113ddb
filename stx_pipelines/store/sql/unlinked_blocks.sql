-- Selects the blocks from $lo to $hi - 1 that do not follow the next lower block in the table.
-- A gap counts only if all days from its lower to its upper block are loaded and none of them, except the last, is in
-- $unfinished.
WITH ordered AS (
    SELECT
        number, parent_hash, timestamp::DATE AS day,
        lag(number) OVER upwards AS lower, lag(hash) OVER upwards AS lower_hash,
        lag(timestamp::DATE) OVER upwards AS lower_day
    FROM warehouse.blocks
    WHERE number < $hi AND number >= coalesce((SELECT max(number) FROM warehouse.blocks WHERE number < $lo), $lo)
    WINDOW upwards AS (ORDER BY number, hash)
),
suspects AS (
    SELECT * FROM ordered WHERE number >= $lo AND (number <> lower + 1 OR parent_hash <> lower_hash)
)
SELECT DISTINCT number
FROM suspects
WHERE number <= lower + 1
    OR day - lower_day < (
        SELECT count(*)
        FROM warehouse.coverage AS loaded
        WHERE loaded.dataset = 'blocks' AND loaded.day BETWEEN lower_day AND suspects.day
            AND (loaded.day = suspects.day OR NOT list_contains($unfinished::DATE[], loaded.day))
    )
ORDER BY number
