"""The asset checks: the invariants, day by day."""
