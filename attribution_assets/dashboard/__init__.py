"""The dashboard: web pages that show marketing what each channel cost and earned. Read only.

`server` runs the web server and `app` defines the URLs. `choices` reads and writes a URL's query, `stored_results`
caches reads of the stored days. `overview`, `journeys_page` and `health_page` compute the content of one page each,
with `period_before`, `totals`, `goals`, `model_moves`, `over_time`, `compared_lines` and `tables`; `downloads` writes
tables as files. HTML is in `templates/`, the style sheet and the script in `static/`.
Results are computed in `attribution/results/` and charts in `charts/`, not here.
"""
