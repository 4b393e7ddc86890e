"""The health of the pipeline: figures from Dagster's history, the stored days and the ledger, and metrics of them."""
