-- Macros for exact amounts. DuckDB divides decimals in floating point. Therefore sums are converted to STX by a
-- multiplication, and means are computed with integers and rounded half up to whole microSTX.
CREATE MACRO stx(ustx) AS (ustx::DECIMAL(32, 0) * 0.000001::DECIMAL(6, 6))::DECIMAL(38, 6);
CREATE MACRO mean_ustx(total, number) AS (2 * total::HUGEINT + number) // (2 * number);
-- The two middle values, which are the same if their number is odd. One quantile that is only just above a half, instead
-- of a second one of the negative values, halves the memory. It is right for up to 10^11 values.
CREATE MACRO middle_ustx(ustx) AS quantile_disc(ustx, [0.5, 0.500000000001]);
CREATE MACRO median_ustx(middle) AS (middle[1]::HUGEINT + middle[2] + 1) // 2;
CREATE MACRO share(part, whole) AS CASE WHEN whole > 0 THEN part::DOUBLE / whole END;
-- The price of a moment is the close of the last full hour before it. The hour is one of the six before that of the
-- moment, so that its close is at most 6 hours old. A candle of the moment's own hour is from the future.
CREATE MACRO may_price(hour, moment) AS
    hour < date_trunc('hour', moment) AND hour >= date_trunc('hour', moment) - INTERVAL 6 HOUR;
CREATE MACRO usd(e14) AS (e14 // 100000000000000)::DECIMAL(38, 14)
    + ((e14 % 100000000000000)::DECIMAL(14, 0) * 0.00000000000001::DECIMAL(14, 14))::DECIMAL(38, 14);
CREATE MACRO mean_usd(e14, number) AS usd((2 * e14::HUGEINT + number) // (2 * number));
-- The share of a target in cents that the fees of these wallets repay. NULL without a target.
CREATE MACRO payback_usd(e14, number, cents) AS share(e14, number * cents::HUGEINT * 1000000000000);
CREATE MACRO btc(e18) AS (e18 // 1000000000000000000)::DECIMAL(38, 18)
    + ((e18 % 1000000000000000000)::DECIMAL(18, 0) * 0.000000000000000001::DECIMAL(18, 18))::DECIMAL(38, 18);
CREATE MACRO sunday_of(day) AS day + (7 - isodow(day))::INTEGER;
-- The place of a transaction in the chain as one number: its block time, block height and index. A wallet's first
-- transaction has the smallest.
CREATE MACRO place_of(block_time, block_height, tx_index) AS (
    epoch_us(block_time) * 1000000000000000000::HUGEINT + block_height * 10000000 + tx_index
)::DECIMAL(38, 0);
-- A wallet is new if its number 0 is covered, and old if it is not. This cannot be known if a number of the account is
-- not known. Then a wallet counts as new if its first day is late enough.
CREATE MACRO is_new(first_nonce, has_unknown) AS CASE WHEN first_nonce = 0 THEN true WHEN NOT has_unknown THEN false END;
-- The stage of a day of `read_accounts`. The limits are NULL if nothing is kept for later computations.
CREATE MACRO stage_of(day, settle_before, sum_before) AS
    CASE WHEN day < settle_before THEN 0 WHEN day < sum_before THEN 1 ELSE 2 END;
CREATE MACRO is_left_censored(is_new, cohort_date, uncensored_from) AS coalesce(NOT is_new, cohort_date < uncensored_from);
