"""What Dagster loads, and nothing else: partitions, resources, the IO manager, assets, checks and automation."""
