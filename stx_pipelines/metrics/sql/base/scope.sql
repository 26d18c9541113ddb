-- One row with the covered range, the settled days and the options, for all statements.
-- The rows of days since `rows_from` are read, and the wallets whose first day is since `cohorts_from` are measured. What
-- depends on earlier days is known from earlier computations.
CREATE TABLE scope AS
SELECT
    $coverage_start::DATE AS coverage_start,
    $coverage_end::DATE AS coverage_end,
    $uncensored_from::DATE AS uncensored_from,
    $cohorts_from::DATE AS cohorts_from,
    $rows_from::DATE AS rows_from,
    $settle_before::DATE AS settle_before,
    $sum_before::DATE AS sum_before,
    $horizon::INTEGER AS horizon,
    $minimum_cohort::INTEGER AS minimum_cohort,
    $target_cpa_ustx::BIGINT AS target_cpa_ustx,
    $target_cpa_cents::BIGINT AS target_cpa_cents,
    $excluded_types::VARCHAR[] AS excluded_types,
    $breakeven_days::INTEGER AS breakeven_days,
    $funnel_days::INTEGER AS funnel_days,
    $active_transactions::INTEGER AS active_transactions,
    $value_ustx::BIGINT AS value_ustx,
    $old_days::INTEGER AS old_days;
