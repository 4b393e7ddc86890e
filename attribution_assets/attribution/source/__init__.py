"""The source tables: which rows are usable, and a fingerprint of each day."""
