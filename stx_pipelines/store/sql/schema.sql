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
CREATE TABLE IF NOT EXISTS warehouse.blocks (
    number BIGINT,
    hash VARCHAR,
    parent_hash VARCHAR,
    miner VARCHAR,
    timestamp TIMESTAMP,
    gas_used BIGINT,
    gas_limit BIGINT,
    base_fee_per_gas BIGINT,
    transaction_count BIGINT,
    size BIGINT,
    extra_data VARCHAR,
    ingested_at TIMESTAMP
);
COMMENT ON TABLE warehouse.blocks IS 'Finalized Ethereum blocks; a day is the UTC date of timestamp. Times are UTC.';
COMMENT ON COLUMN warehouse.blocks.miner IS 'the fee recipient: 0x and 40 lower-case digits';
COMMENT ON COLUMN warehouse.blocks.base_fee_per_gas IS 'Wei; NULL before the London fork';
COMMENT ON COLUMN warehouse.blocks.size IS 'bytes';
COMMENT ON COLUMN warehouse.blocks.ingested_at IS 'when the day was proved';
CREATE TABLE IF NOT EXISTS warehouse.miners_balance (
    block_number BIGINT,
    block_time TIMESTAMP,
    miner VARCHAR,
    balance_before DECIMAL(38, 0),
    balance_after DECIMAL(38, 0),
    balance_increase DECIMAL(38, 0),
    block_hash VARCHAR,
    ingested_at TIMESTAMP
);
COMMENT ON TABLE warehouse.miners_balance IS
    'What each Ethereum block did to its fee recipient; a day is the UTC date of block_time. Block 0 is left out.';
COMMENT ON COLUMN warehouse.miners_balance.miner IS 'the fee recipient: 0x and 40 lower-case digits';
COMMENT ON COLUMN warehouse.miners_balance.balance_before IS 'Wei, after the block before';
COMMENT ON COLUMN warehouse.miners_balance.balance_after IS 'Wei, after this block';
COMMENT ON COLUMN warehouse.miners_balance.balance_increase IS
    'Wei: fees less what was paid on to the proposer, plus withdrawals and unrelated transfers; may be negative';
COMMENT ON COLUMN warehouse.miners_balance.ingested_at IS 'when the day was proved';
CREATE TABLE IF NOT EXISTS warehouse.coverage (
    dataset VARCHAR,
    day DATE,
    certificate VARCHAR,
    row_count BIGINT,
    loaded_at TIMESTAMP
);
COMMENT ON TABLE warehouse.coverage IS 'Which day file each day of each table was loaded from.';
