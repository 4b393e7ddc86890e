"""The report's CSV file in an object store."""

import csv
import io
from collections.abc import Callable

import pandas as pd
from upath import UPath

from attribution_assets.attribution.reporting.report_file import write_report

Table = Callable[..., pd.DataFrame]


def read_back(path: UPath) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode(), newline=""), strict=True))


def test_the_file_can_lie_in_an_object_store(table: Table, s3_bucket: str) -> None:
    path = UPath(f"{s3_bucket}/reports/report.csv")
    write_report(table("channel_reporting", {}), path)
    assert read_back(path)[1] == ["Search", "2024-02-26", "1.0", "1.0", "100.0", "1.0", "100.0"]
