CREATE TABLE IF NOT EXISTS warehouse.coverage (
    dataset VARCHAR,
    day DATE,
    certificate VARCHAR,
    row_count BIGINT,
    loaded_at TIMESTAMP
);
COMMENT ON TABLE warehouse.coverage IS 'One row per dataset and loaded day, with the certificate of the loaded day file.';
