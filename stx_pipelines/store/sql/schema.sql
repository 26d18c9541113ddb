CREATE TABLE IF NOT EXISTS warehouse.transactions (
    tx_id VARCHAR,
    block_time TIMESTAMP,
    block_height BIGINT,
    sender_address VARCHAR,
    fee_ustx BIGINT,
    tx_type VARCHAR,
    canonical BOOLEAN,
    tx_status VARCHAR,
    burn_block_time TIMESTAMP,
    burn_block_height BIGINT,
    microblock_sequence BIGINT,
    ingested_at TIMESTAMP
);
COMMENT ON TABLE warehouse.transactions IS
    'Canonical, successful Stacks transactions; a day is the UTC date of burn_block_time. Times are UTC.';
COMMENT ON COLUMN warehouse.transactions.fee_ustx IS 'the whole fee in microSTX (1 STX = 1,000,000)';
COMMENT ON COLUMN warehouse.transactions.microblock_sequence IS
    '2147483647 for the anchored block, always so since Nakamoto (2024-10-29); NULL where the API does not say it';
COMMENT ON COLUMN warehouse.transactions.ingested_at IS 'when the day was proved';
CREATE TABLE IF NOT EXISTS warehouse.coverage (
    dataset VARCHAR,
    day DATE,
    certificate VARCHAR,
    row_count BIGINT,
    loaded_at TIMESTAMP
);
COMMENT ON TABLE warehouse.coverage IS 'Which day file each day of each table was loaded from.';
