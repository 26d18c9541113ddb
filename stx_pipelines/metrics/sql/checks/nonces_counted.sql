-- The number of accounts whose nonces are all known, and of those that are left out.
WITH used AS (
    SELECT sender_address AS address, nonce FROM canonical_rows WHERE moves_nonce AND sender_address IS NOT NULL
    UNION ALL
    SELECT sponsor_address, sponsor_nonce
    FROM canonical_rows
    WHERE moves_nonce AND sponsor_address <> sender_address
),
accounts AS (SELECT count(*) = count(nonce) AS is_known FROM used GROUP BY address)
SELECT count(*) FILTER (is_known), count(*) FILTER (NOT is_known) FROM accounts
