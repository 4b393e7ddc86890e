"""Results over a range of days, read from stored days: by channel (`channel_results`), by order (`order_results`).

`result_days` says which days these are; `narrowed` gives out the days with some orders alone, or with groups of
channels in place of channels. Results are computed for the dashboard and the command on each request, and never stored.
The stored tables themselves are computed in `reporting/` and `comparison/`.
"""
