CREATE TABLE IF NOT EXISTS warehouse.coverage (
    dataset VARCHAR,
    day DATE,
    certificate VARCHAR,
    row_count BIGINT,
    loaded_at TIMESTAMP
);
COMMENT ON TABLE warehouse.coverage IS 'Which day file each day of each table was loaded from.';
