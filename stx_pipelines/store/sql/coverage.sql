CREATE TABLE IF NOT EXISTS warehouse.coverage (
    dataset VARCHAR,
    day DATE,
    certificate VARCHAR,
    row_count BIGINT,
    loaded_at TIMESTAMP
);
CREATE TABLE IF NOT EXISTS warehouse.details_coverage (
    dataset VARCHAR,
    day DATE,
    certificate VARCHAR,
    row_count BIGINT,
    loaded_at TIMESTAMP
);
COMMENT ON TABLE warehouse.details_coverage IS 'Which day file each day of each second table was loaded from.';
COMMENT ON TABLE warehouse.coverage IS 'Which day file each day of each table was loaded from.';
