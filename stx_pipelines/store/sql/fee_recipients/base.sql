-- Converts Wei to exact ETH. Whole ETH (10^18 Wei) and the rest are converted separately, because the product of
-- all Wei and 10^-18 would not fit into 38 digits.
CREATE MACRO eth(wei) AS
    (wei::HUGEINT // 1000000000000000000)::DECIMAL(38, 18)
    + (wei::HUGEINT % 1000000000000000000)::DECIMAL(20, 0) * 0.000000000000000001::DECIMAL(18, 18);
