"""Use of a Dagster instance: opening it, its runs, its log lines, and the private parts of Dagster that these need."""
