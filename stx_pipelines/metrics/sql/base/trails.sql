CREATE TABLE trails AS SELECT unnest($trailing_windows::INTEGER[]) AS window_days;
