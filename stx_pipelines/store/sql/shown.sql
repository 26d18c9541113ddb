-- Which rows the tables show. The reasons that certificates count are in `sync/stacks/certify.py`: both must agree.
CREATE OR REPLACE TEMP MACRO shown_transactions(canonical, tx_status, sender_address, block_time) AS (
    canonical AND tx_status = 'success' AND sender_address IS NOT NULL AND block_time IS NOT NULL
);
