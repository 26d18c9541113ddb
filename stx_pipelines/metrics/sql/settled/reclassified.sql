-- The number of wallets whose first day is before `$through`, and of which the days after it change whether they are
-- new.
-- Only a number 0, or a number that is not known, can change that.
WITH used AS (
    SELECT sender_address AS address, day, CASE WHEN moves_nonce THEN nonce END AS nonce FROM canonical_rows
    UNION ALL
    SELECT sponsor_address, day, sponsor_nonce FROM canonical_rows WHERE sponsor_address <> sender_address
),
suspects AS (
    SELECT wallets.address, wallets.is_new
    FROM wallets, scope
    WHERE cohort_date < $through::DATE AND address IN (
        SELECT address FROM used WHERE day > $through::DATE AND coalesce(nonce = 0, true)
    )
),
before AS (
    SELECT address, min(nonce) AS first_nonce, bool_or(nonce IS NULL) AS has_unknown
    FROM used SEMI JOIN suspects USING (address), scope
    WHERE day <= $through::DATE
    GROUP BY address
)
SELECT count(*)
FROM suspects LEFT JOIN before USING (address) LEFT JOIN known_accounts AS known USING (address)
WHERE suspects.is_new IS DISTINCT FROM is_new(
    least(before.first_nonce, known.first_nonce),
    coalesce(before.has_unknown, false) OR coalesce(known.has_unknown, false)
)
