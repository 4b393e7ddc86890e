"""The client of the IHC API: packing, sending, retrying, and checking what comes back."""
