"""Runs of several data sets side by side: a process for each, so many at a time, and a table of them all at the end."""

import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pandas as pd
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from attribution_assets.attribution.reporting.ratios import with_ratios
from attribution_assets.command.chosen import Chosen
from attribution_assets.command.terminal import say
from attribution_assets.resources import resources_of

COMMAND = (sys.executable, "-c", "from attribution_assets.command.cli import main; main()")

RESULTS = {0: "done", 1: "failed", 2: "not possible"}
"""Exit code of a run -> what it stands for."""


@dataclass(frozen=True)
class Ended:
    """How the run of a data set ended.

    Attributes:
        data_set: the data set.
        code: exit code of its process.
        output: what it printed.
        seconds: how long it took.
    """

    data_set: Chosen
    code: int
    output: str
    seconds: float

    @property
    def result(self) -> str:
        """How it ended, in a word or two."""
        return RESULTS.get(self.code, f"ended with {self.code}")

    @property
    def problem(self) -> str:
        """The line that says why it failed; empty if it did not."""
        if self.code == 0:
            return ""
        lines = [line for line in self.output.splitlines() if line.strip()]
        told = [line for line in lines if line.startswith(("Failed:", "Not possible:"))]
        return (told or lines or [self.result])[-1]


class _Processes:
    """The processes that are under way, so that all are ended with the command."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def run(self, words: Sequence[str]) -> tuple[int, str]:
        """Run a command to its end: its exit code and what it printed."""
        if self._stopped:
            return 1, "Failed: interrupted"
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # noqa: S603  # this package's own command
            self._running.add(process)
            output, _ = process.communicate()
            self._running.discard(process)
        return process.returncode, output

    def stop(self) -> None:
        """End all; each leaves what it has finished."""
        self._stopped = True
        for process in list(self._running):
            process.terminate()


def run_side_by_side(console: Console, data_sets: Sequence[Chosen], options: Sequence[str], jobs: int) -> int:
    """Run `attribution-assets run` for each data set, and print a line, a summary and a row of a table for each.

    Args:
        console: Where to.
        data_sets: The data sets.
        options: The further options of each run.
        jobs: How many run at a time.

    Returns:
        The worst exit code.
    """
    processes, ended = _Processes(), list[Ended]()
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=console) as lines:

        def run(data_set: Chosen) -> Ended:
            line, began = tasks[data_set.name], time.monotonic()
            lines.start_task(line)
            lines.update(line, description=f"{data_set.title}: under way")
            of_data_set = ("--data-set", data_set.name) if data_set.name else ()
            code, output = processes.run([*COMMAND, "run", *of_data_set, *options])
            done = Ended(data_set, code, output, time.monotonic() - began)
            lines.update(line, description=f"{data_set.title}: {done.result}", total=1, completed=1)
            return done

        tasks: dict[str, TaskID] = {
            data_set.name: lines.add_task(f"{data_set.title}: waits", start=False, total=None) for data_set in data_sets
        }
        with ThreadPoolExecutor(jobs) as pool:
            try:
                for done in pool.map(run, data_sets):
                    ended.append(done)
                    _print_summary(lines.console, done)
            except BaseException:
                processes.stop()
                raise
    console.print(_table(ended))
    for done in ended:
        if done.problem:
            say(console, f"{done.data_set.title}: {done.problem}")
    return max(abs(done.code) for done in ended)


def _print_summary(console: Console, done: Ended) -> None:
    console.rule(done.data_set.title)
    console.print(done.output.rstrip(), markup=False, highlight=False)


def _table(ended: Sequence[Ended]) -> Table:
    table = Table(title="Data sets")
    table.add_column("data set", overflow="fold")
    for heading in ("seconds", "days", "cost", "orders", "revenue", "ROAS"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("result", overflow="fold")
    for done in ended:
        figures = _figures(done) if done.code == 0 else [""] * 5
        table.add_row(done.data_set.title, f"{done.seconds:.1f}", *figures, done.result)
    return table


def _figures(done: Ended) -> list[str]:
    """Days, cost, orders, revenue and ROAS of the report that a run wrote."""
    reports = resources_of(done.data_set.usable()).reports
    with reports.file("channel_reporting.csv").open("rb") as file:
        report = pd.read_csv(file)
    totals = with_ratios(report[["cost", "ihc", "ihc_revenue"]].sum().to_frame().T).iloc[0]
    figures = [totals["cost"], totals["ihc"], totals["ihc_revenue"], totals["ROAS"]]
    return [f"{report['date'].nunique()}", *("" if pd.isna(figure) else f"{figure:,.2f}" for figure in figures)]
