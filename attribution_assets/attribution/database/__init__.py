"""The database with the source tables and our own tables beside them."""
