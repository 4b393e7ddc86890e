"""The dashboard: web pages that show marketing what each channel cost and earned.

`server` runs the web server, `app` defines the URLs, and `pages` answers at them. `asked` reads what a request asks
for: `choices` and `goal_choices` from the URL's query, out of what is `offered`, `saved` from the database;
`stored_results` caches reads of the stored days, which `reported_days` describes.
`overview`, `journeys_page` and `health_page` compute the content of one page each, with `period_before`, `totals`,
`goals`, `model_moves`, `over_time`, `weekdays`, `compared_lines`, `tables_below` and `tables`. `downloads` writes
tables as files, and `saving` saves what readers send: nothing else writes. HTML is in `templates/`, style sheet and
script in `static/`. Results are computed in `attribution/results/` and charts in `charts/`, not here.
"""
