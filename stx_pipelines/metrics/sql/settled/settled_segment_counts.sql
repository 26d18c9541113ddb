SELECT segment_counts.* FROM segment_counts, scope WHERE cohort_date < settle_before
