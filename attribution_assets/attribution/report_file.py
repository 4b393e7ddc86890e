"""The report as a CSV file."""

import pandas as pd
from upath import UPath

from attribution_assets.attribution.asset_storage import replace_file
from attribution_assets.attribution.channel_report import with_ratios


def write_report(report: pd.DataFrame, path: UPath) -> None:
    """Replace the CSV file at `path` by the report with its ratios.

    Columns channel_name, date, cost, ihc, ihc_revenue, CPO, ROAS; UTF-8, quoting and line ends as RFC 4180 has them,
    numbers with all their digits, empty where a ratio is undefined.

    Args:
        report: The `channel_reporting` table.
        path: A file in a folder or in an object store.
    """
    replace_file(path, with_ratios(report).to_csv(index=False, lineterminator="\r\n").encode())
