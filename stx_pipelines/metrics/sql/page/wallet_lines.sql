-- One text per wallet, in the order of the addresses, for the search of the page: address, first_seen in unix seconds,
-- cohort_date in days since 1970, days from it to last_date, active_days, tx_count, fee_ustx, and a letter: n (new),
-- o (old), m (may be older), l (not known, but seen late enough to count as new).
-- An address of other characters than those of Stacks addresses is left out. It could not be a part of a file name.
SELECT concat_ws(
    ' ', address, epoch(first_seen)::BIGINT, cohort_date - DATE '1970-01-01', last_date - cohort_date, active_days,
    tx_count, fee_ustx, CASE WHEN is_new THEN 'n' WHEN NOT is_new THEN 'o' WHEN is_left_censored THEN 'm' ELSE 'l' END
)
FROM first_seen_wallets
WHERE regexp_full_match(address, '[0-9A-HJKMNP-TV-Z]{1,128}')
ORDER BY address
