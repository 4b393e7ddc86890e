"""The assets: each reads days, has one function do the work, and hands days over."""
