-- The conditions for the rows that a table shows. They must agree with the reasons in `sync/stacks/certify.py` for
-- leaving out rows.
CREATE OR REPLACE TEMP MACRO shown_transactions(canonical, tx_status, sender_address, block_time) AS (
    canonical AND tx_status = 'success' AND sender_address IS NOT NULL AND block_time IS NOT NULL
);
