"""The dashboard: web pages that show marketing what each channel cost and earned. Read only.

`server` runs the web server and `app` defines the URLs. `choices` reads and writes a URL's query, `stored_results`
caches reads of the stored days. `overview`, `journeys_page` and `health_page` compute the content of one page each,
with `goals`, `model_moves`, `over_time` and `tables`. HTML is in `templates/`, the style sheet in `static/`.
Results are computed in `attribution/results/` and charts in `charts/`, not here.
"""
