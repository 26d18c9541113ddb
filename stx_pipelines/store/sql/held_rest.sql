-- Count the rows of `theirs` that belong to no stored day, have no valid key, or repeat the key of another row.
SELECT
    count(DISTINCT key) FILTER (
        key NOT IN (SELECT key FROM truth) AND (place IS NULL OR place NOT IN (SELECT place FROM truth))
    ),
    count(*) - count(key),
    count(key) - count(DISTINCT key)
FROM theirs
