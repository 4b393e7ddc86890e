"""The assets' tables: a Parquet file per asset and day, and the result tables in the database."""
