SELECT
    tx_id, block_time, block_height, sender_address, fee_ustx, tx_type, canonical, tx_status,
    burn_block_time, burn_block_height, microblock_sequence, CAST($proved_at AS TIMESTAMP) AS ingested_at
FROM day_file
WHERE canonical AND tx_status = 'success' AND sender_address IS NOT NULL AND block_time IS NOT NULL
