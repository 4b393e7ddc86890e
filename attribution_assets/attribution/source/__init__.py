"""The source tables: reading them, their usable rows, and a fingerprint of each day."""
