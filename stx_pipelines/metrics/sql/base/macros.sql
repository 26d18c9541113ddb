-- Macros for exact amounts. DuckDB divides decimals in floating point. Therefore sums are converted to STX by a
-- multiplication, and means are computed with integers and rounded half up to whole microSTX.
CREATE MACRO stx(ustx) AS (ustx::DECIMAL(32, 0) * 0.000001::DECIMAL(6, 6))::DECIMAL(38, 6);
CREATE MACRO mean_ustx(total, number) AS (2 * total::HUGEINT + number) // (2 * number);
CREATE MACRO median_ustx(lower_middle, upper_middle) AS (lower_middle::HUGEINT + upper_middle + 1) // 2;
CREATE MACRO share(part, whole) AS CASE WHEN whole > 0 THEN part::DOUBLE / whole END;
CREATE MACRO sunday_of(day) AS day + (7 - isodow(day))::INTEGER;
