-- `day_rows` has every row of the day files that are read, and `read_rows` the canonical ones.
CREATE VIEW read_rows AS
SELECT
    burn_block_time,
    burn_block_time::DATE AS day,
    shown_transactions(canonical, tx_status, sender_address, block_time) AS is_shown,
    tx_type::VARCHAR AS tx_type,
    tx_id, tx_status, sender_address, fee_ustx, block_time, block_height, tx_index,
    place_of(block_time, block_height, tx_index) AS place,
    nonce, sponsor_address, sponsor_nonce,
    contract_id::VARCHAR AS contract_id, recipient_address, amount_ustx,
    -- Rows that move no nonce: those of block 1 (they are block 0's), and operations on Bitcoin, which the API shows
    -- with nonce 0 and without a fee.
    block_height > 1 AND coalesce(NOT (
        nonce = 0 AND fee_ustx = 0 AND sponsor_address IS NULL AND tx_type IN ('token_transfer', 'contract_call')
    ), true) AS moves_nonce
FROM day_rows
WHERE canonical;

-- The canonical rows that are not summed, and those of them that the table `transactions` shows. DuckDB takes the variables
-- below for constants and skips the files of earlier days.
CREATE VIEW canonical_rows AS SELECT * FROM read_rows WHERE burn_block_time >= getvariable('rows_from');

CREATE VIEW shown AS SELECT * FROM canonical_rows WHERE is_shown;

-- Steps of single days read only the days that are not settled for them, and the 29 days before for sums over 30 days.
CREATE VIEW daily_rows AS SELECT * FROM read_rows WHERE burn_block_time >= getvariable('daily_from');

-- Steps of single days without such sums do not need the days before.
CREATE VIEW unsettled_rows AS SELECT * FROM read_rows WHERE burn_block_time >= getvariable('unsettled_from');
