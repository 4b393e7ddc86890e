"""Files in a folder or an object store, and the identity of the processes that write them."""
