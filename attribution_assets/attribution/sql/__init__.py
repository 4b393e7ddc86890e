"""What runs SQL over the stored days: DuckDB or Spark."""
