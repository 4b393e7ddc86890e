"""When things run: the jobs."""

import dagster as dg

attribution_job = dg.define_asset_job(
    "attribution",
    selection=dg.AssetSelection.groups("attribution"),
    description="All assets of a day or of a range of days, with their checks",
)
