"""How the pipeline is doing: figures from Dagster's history for Prometheus, and the health page's facts."""
