"""Our dealings with a Dagster instance: opening it, its runs, its log lines."""
