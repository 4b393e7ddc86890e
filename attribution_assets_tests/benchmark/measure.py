"""How things are measured: commands one after another in turn, each a process of its own; medians, and ratios of them.

The machine may be busy with other things: what is compared is measured in the same run, in turn, so that both meet the
same disturbances.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from typing import Any

LOOK_EVERY_SECONDS = 0.02
HERE = Path(__file__).parent
CLEAN = {n: v for n, v in os.environ.items() if not n.startswith(("ATTRIBUTION_", "IHC_", "DAGSTER_"))}


@dataclass(frozen=True)
class Command:
    """A command to be measured: its words, and its environment beside what is always there."""

    words: list[str]
    environment: Mapping[str, str]
    folder: Path


def program(name: str, *arguments: object) -> list[str]:
    """The words that run a program of this folder."""
    return [sys.executable, str(HERE / name), *map(str, arguments)]


def measured(command: Command) -> dict[str, Any]:
    """Seconds, also until it says its first word, CPU seconds and peak memory of a command.

    What it says of itself as JSON in its last line is beside them.

    Raises:
        RuntimeError: It failed.
    """
    output = command.folder / "output.txt"
    start = time.perf_counter()
    with output.open("wb") as file:
        process = subprocess.Popen(command.words, cwd=command.folder, env=CLEAN | command.environment, stdout=file)  # noqa: S603  our own
        watched = _watched(process.pid, output, start)
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    said = output.read_text().strip().splitlines()
    if process.returncode:
        raise RuntimeError(f"{command.words} ended with {process.returncode}: {said[-5:]}")
    own = json.loads(said[-1]) if said and said[-1].startswith("{") else {}
    cpu = usage.ru_utime + usage.ru_stime
    return {"seconds": seconds, "cpu_seconds": cpu} | watched.result() | own


def _watched(process: int, output: Path, start: float) -> Future[dict[str, float]]:
    """The peak memory of a process in MB, and the seconds until it says its first word; looked at until it ends.

    What the system says of memory at the end is no less than what this process had when it started the other.
    """
    found: Future[dict[str, float]] = Future()

    def watch() -> None:
        kilobytes, first_word = 0, {}
        with suppress(OSError):  # it has ended
            while True:
                status = Path(f"/proc/{process}/status").read_text()
                if not first_word and output.stat().st_size:
                    first_word = {"first_word": time.perf_counter() - start}
                if "VmHWM:" not in status:
                    break
                kilobytes = int(status.split("VmHWM:")[1].split()[0])
                time.sleep(LOOK_EVERY_SECONDS)
        found.set_result({"peak_mb": kilobytes / 1024, **first_word})

    Thread(target=watch).start()
    return found


def in_turn(competitors: Mapping[str, Callable[[], Command]], runs: int) -> dict[str, dict[str, Any]]:
    """The medians of each competitor's figures over so many runs, in which all of them take their turn."""
    taken: dict[str, list[dict[str, Any]]] = {name: [] for name in competitors}
    for _ in range(runs):
        for name, command in competitors.items():
            taken[name].append(measured(command()))
    return {name: medians(of_runs) for name, of_runs in taken.items()}


def medians(of_runs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Figure by figure, the median of several runs."""
    runs = list(of_runs)
    return {figure: round(statistics.median(run[figure] for run in runs), 3) for figure in runs[0]}


def ratio(of: Mapping[str, Any], to: Mapping[str, Any], figure: str = "seconds") -> float:
    """How many times as large a figure is."""
    return round(of[figure] / to[figure], 2)


def machine() -> dict[str, Any]:
    """What all of it was measured on."""
    pages, page = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(pages * page / 1e9),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("dagster", "duckdb", "numpy", "pandas", "pyarrow")},
    }
