"""Results over a range of days, read from stored days: by channel (`channel_results`), by order (`order_results`).

They are computed for the dashboard and the command on each request, and never stored. The stored tables themselves are
computed in `reporting/` and `comparison/`.
"""
