-- Compare `theirs` (key, place), the rows of another file, with `truth` (day, key, place, wallet, is_shown), the rows of
-- the stored days. A key identifies a row, for example by a transaction id. A place, for example a block height, tells
-- the day of a row.
WITH there AS (
    SELECT DISTINCT key, true AS is_there FROM theirs WHERE key IS NOT NULL
),
held AS (
    SELECT
        day,
        count(DISTINCT key) FILTER (is_shown) AS certified,
        count(DISTINCT key) FILTER (is_shown AND is_there) AS held,
        count(DISTINCT wallet) FILTER (is_shown) AS wallets,
        count(DISTINCT wallet) FILTER (is_shown AND is_there) AS wallets_held
    FROM truth LEFT JOIN there USING (key)
    GROUP BY day
),
places AS (
    SELECT place, min(day) AS day FROM truth WHERE place IS NOT NULL GROUP BY place
),
unknown AS (
    SELECT key, min(place) AS place FROM theirs ANTI JOIN truth USING (key) WHERE key IS NOT NULL GROUP BY key
),
extra AS (
    SELECT day, count(*) AS extra FROM unknown JOIN places USING (place) GROUP BY day
)
SELECT day, certified, held, wallets, wallets_held, coalesce(extra, 0)
FROM held LEFT JOIN extra USING (day)
ORDER BY day
