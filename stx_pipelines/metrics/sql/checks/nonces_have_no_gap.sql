-- An account numbers its transactions without a gap, as sender and as sponsor together, whatever their status. One row
-- per gap, or per nonce that occurs twice. Accounts with a nonce that is not known are left out.
-- Counts and sums find the suspects first, because numbering all rows would need too much memory.
WITH used AS (
    SELECT sender_address AS address, nonce, day, block_height
    FROM canonical_rows
    WHERE moves_nonce AND sender_address IS NOT NULL
    UNION ALL
    SELECT sponsor_address, sponsor_nonce, day, block_height
    FROM canonical_rows
    WHERE moves_nonce AND sponsor_address <> sender_address
),
suspects AS (
    SELECT address
    FROM used
    GROUP BY address
    HAVING count(*) = count(nonce)
        AND (
            max(nonce) - min(nonce) + 1 <> count(*)
            OR 2 * sum(nonce::HUGEINT) <> (min(nonce) + max(nonce))::HUGEINT * count(*)
        )
),
numbered AS (
    SELECT
        address, day, nonce, block_height,
        lead(nonce) OVER following AS next_nonce,
        lead(day) OVER following AS next_day,
        lead(block_height) OVER following AS next_height
    FROM used SEMI JOIN suspects USING (address)
    WINDOW following AS (PARTITION BY address ORDER BY nonce)
)
SELECT
    address,
    day AS after_day,
    next_day AS before_day,
    CASE WHEN next_nonce > nonce THEN nonce + 1 ELSE nonce END AS first_nonce,
    CASE WHEN next_nonce > nonce THEN next_nonce - 1 ELSE nonce END AS last_nonce,
    next_nonce = nonce AS is_repeated,
    block_height AS after_height,
    next_height AS before_height
FROM numbered
WHERE next_nonce <> nonce + 1
ORDER BY address, nonce
