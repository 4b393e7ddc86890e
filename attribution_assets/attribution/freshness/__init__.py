"""Which days are stale, missing or changed in the source, and what brings them up to date."""
