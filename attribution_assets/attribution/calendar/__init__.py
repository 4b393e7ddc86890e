"""Days, the windows that tie them together, and which of them are final."""
