WITH certified AS (
    SELECT tx_id, sender_address
    FROM day_file
    WHERE shown_transactions(canonical, tx_status, sender_address, block_time)
),
there AS (
    SELECT tx_id, sender_address FROM certified SEMI JOIN warehouse.transactions AS old USING (tx_id)
)
SELECT
    (SELECT count(*) FROM certified),
    (SELECT count(*) FROM there),
    (SELECT count(DISTINCT sender_address) FROM certified),
    (SELECT count(DISTINCT sender_address) FROM there)
