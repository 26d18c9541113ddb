-- One row with the covered range and the options, for all statements.
CREATE TABLE scope AS
SELECT
    $coverage_start::DATE AS coverage_start,
    $coverage_end::DATE AS coverage_end,
    $uncensored_from::DATE AS uncensored_from,
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
