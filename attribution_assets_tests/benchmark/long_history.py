"""What a day costs when many are stored already, and what a range costs by its length."""

import datetime as dt
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from generate import FIRST_DAY, Size, make_database
from measure import Command, measured, medians
from whole_command import settings

from attribution_assets_tests.support.ihc_endpoint import IhcEndpoint

SESSIONS_PER_DAY = 100
LOOKBACK_DAYS = 7


def one_more_day(stored_days: list[int], runs: int) -> dict[str, Any]:
    """The command over one more day, after so many have been stored.

    Args:
        stored_days: How many are stored, ascending.
        runs: Over how many days, one after another.
    """
    days = max(stored_days) + runs
    found = {}
    with TemporaryDirectory(prefix="benchmark_") as name, IhcEndpoint() as endpoint:
        folder, stored = Path(name), 0
        make_database(folder / "source.db", Size(days * SESSIONS_PER_DAY, days * 5, days))
        others = {"ATTRIBUTION_LOOKBACK_DAYS": str(LOOKBACK_DAYS)}
        environment = settings(folder, folder / "source.db", endpoint.url, str(FIRST_DAY), **others)

        def run(first: int, last: int) -> dict[str, Any]:
            start, end = (str(FIRST_DAY + dt.timedelta(days=number)) for number in (first, last))
            words = ["attribution-assets", "run", "--start-date", start, "--end-date", end]
            return measured(Command(words, environment, folder))

        for number in stored_days:
            run(stored, number - 1)
            found[f"after {number} days"] = medians([run(number + turn, number + turn) for turn in range(runs)])
            stored = number + runs
    return found


def ranges(lengths: list[int], sessions_per_day: int, runs: int) -> dict[str, Any]:
    """The command over ranges of several lengths, each from nothing, without waiting for the API.

    Args:
        lengths: In days.
        sessions_per_day: Of the shop.
        runs: How often.
    """
    found = {}
    days = max(lengths)
    with TemporaryDirectory(prefix="benchmark_") as name, IhcEndpoint() as endpoint:
        source = Path(name) / "source.db"
        make_database(source, Size(days * sessions_per_day, days * sessions_per_day // 30, days))
        taken: dict[int, list[dict[str, Any]]] = {length: [] for length in lengths}
        for _ in range(runs):
            for length in lengths:
                with TemporaryDirectory(prefix="benchmark_") as turn:
                    folder = Path(turn)
                    (folder / "source.db").write_bytes(source.read_bytes())
                    last = str(FIRST_DAY + dt.timedelta(days=length - 1))
                    environment = settings(folder, folder / "source.db", endpoint.url, str(FIRST_DAY))
                    words = ["attribution-assets", "run", "--start-date", str(FIRST_DAY), "--end-date", last]
                    taken[length].append(measured(Command(words, environment, folder)))
        for length in lengths:
            found[f"{length} days"] = medians(taken[length])
    return found
