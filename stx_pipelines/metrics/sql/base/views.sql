-- `day_rows` has every row of the covered day files. `canonical_rows` has the canonical rows, and `shown` only the rows
-- that the table `transactions` shows.
CREATE VIEW canonical_rows AS
SELECT
    burn_block_time::DATE AS day,
    shown_transactions(canonical, tx_status, sender_address, block_time) AS is_shown,
    tx_type::VARCHAR AS tx_type,
    tx_id, tx_status, sender_address, fee_ustx, block_time, block_height, tx_index
FROM day_rows
WHERE canonical;

CREATE VIEW shown AS SELECT * FROM canonical_rows WHERE is_shown;
