SELECT
    number, hash, parent_hash, miner, timestamp, gas_used, gas_limit, base_fee_per_gas, transaction_count, size,
    extra_data, CAST($proved_at AS TIMESTAMP) AS ingested_at
FROM day_file
