"""Files in a folder or an object store, and processes that may have died."""
