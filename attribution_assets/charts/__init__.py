"""All charts: bar charts for Dagster's metadata and charts over time for the dashboard.

`report_plots` chooses the numbers of a channel report to draw; `bars` draws bar charts as SVG in Markdown. `over_time`
defines the dashboard's charts with Altair, and `rendering` draws them outside a browser. The numbers are computed
elsewhere: of reports in `attribution/reporting/`, of the dashboard in `dashboard/over_time.py`.
"""
