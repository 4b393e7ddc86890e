"""All charts, defined once as Vega-Lite specifications: for the dashboard and for Dagster's metadata.

`over_time` and `bars` define charts, `style` what they have in common. `report_plots` and `training_plots` put together
what Dagster's metadata shows. `rendering` draws charts outside a browser. The numbers are computed elsewhere: of
reports in `attribution/reporting/`, of the dashboard in `dashboard/`.
"""
