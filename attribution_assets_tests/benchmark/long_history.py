"""What a day costs when many are stored already, what a range costs by its length, and what three years cost."""

import datetime as dt
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from generate import FIRST_DAY, Size, make_database
from measure import Command, measured, medians, program
from whole_command import settings

from attribution_assets_tests.support.ihc_endpoint import KEY, IhcEndpoint

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


def three_years() -> dict[str, Any]:
    """A small shop, once: 1,093 days of 100 sessions and 6 orders, without waiting for the API.

    Returns:
        The plain script; all days at once, with what Dagster's history and all files take; the same again with nothing
        new; status; one more day; and the tick of each sensor, with nothing to do.
    """
    days = 1094
    with TemporaryDirectory(prefix="benchmark_") as name, IhcEndpoint() as endpoint:
        folder = Path(name)
        make_database(folder / "source.db", Size(days * SESSIONS_PER_DAY, days * 6, days))
        limits = {"IHC_MAX_SESSIONS_PER_REQUEST": "3000", "IHC_MAX_JOURNEYS_PER_REQUEST": "3000"}
        environment = settings(folder, folder / "source.db", endpoint.url, str(FIRST_DAY), **limits)
        before_last, last = (str(FIRST_DAY + dt.timedelta(days=number)) for number in (days - 2, days - 1))

        def command(*words: str) -> dict[str, Any]:
            return measured(Command(["attribution-assets", *words], environment, folder))

        arguments = ("source.db", endpoint.url, KEY, str(FIRST_DAY), before_last, "script.csv", 3000, 3000)
        found = {"script": measured(Command(program("plain_script.py", *arguments), {}, folder))}
        everything = ("run", "--start-date", str(FIRST_DAY), "--end-date", before_last)
        found["all days"] = command(*everything)
        history = sum(file.stat().st_size for file in (folder / "home").rglob("*") if file.is_file())
        files = sum(1 for file in folder.rglob("*") if file.is_file())
        found["all days"] |= {"history_mb": round(history / 1e6, 1), "files": files}
        found["again"] = command(*everything)
        found["status"] = command("status")
        found["one more day"] = command("run", "--start-date", last, "--end-date", last)
        found["ticks"] = measured(Command(program("load_and_tick.py"), environment, folder))
    return found
