CREATE VIEW summed_wallet_days AS
SELECT
    NULL::BIGINT AS id, NULL::DATE AS day, NULL::BIGINT AS k, NULL::BIGINT AS tx_count, NULL::BIGINT AS fee_ustx,
    NULL::BIGINT AS priced_ustx, NULL::DECIMAL(38, 0) AS usd_e14, NULL::BOOLEAN AS has_transfer
LIMIT 0;
