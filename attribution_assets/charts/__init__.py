"""All charts: bar charts for Dagster's metadata and line charts for the dashboard.

`report_plots` chooses the numbers of a channel report to draw; `bars` draws bar charts as SVG in Markdown; `lines`
computes the geometry of line charts, which the dashboard's templates draw. The numbers are computed elsewhere: of
reports in `attribution/reporting/`, of the dashboard in `dashboard/over_time.py`.
"""
