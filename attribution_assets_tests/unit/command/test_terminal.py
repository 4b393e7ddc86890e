"""What the command prints: names from outside have no meaning to the terminal."""

import io

import pandas as pd
from rich.console import Console

from attribution_assets.attribution.ledger.ledger import AnswersOfMonth
from attribution_assets.command.terminal import print_ledger, print_summary

OUTCOMES = pd.DataFrame({"outcome": ["attributed"], "revenue": [100.0]})


def summary_of(channel: str, answered_by: str = "embedded") -> str:
    report = pd.DataFrame(
        {"channel_name": [channel], "date": "2024-02-26", "cost": 1.0, "ihc": 1.0, "ihc_revenue": 2.0}
    )
    console = Console(file=io.StringIO(), width=400)
    print_summary(console, report, OUTCOMES, answered_by, {})
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(printed, str)
    return printed


def test_the_summary_shows_control_characters_as_escapes() -> None:
    assert r" \x1b[31mred\nnext\u202e │" in summary_of("\x1b[31mred\nnext\u202e")


def test_the_summary_takes_no_name_for_markup() -> None:
    assert " [red]x[/red] :smile: │" in summary_of("[red]x[/red] :smile:")
    assert "Attributed by https://[bold]host/ihc." in summary_of("Search", "https://[bold]host/ihc")


def test_the_summary_shortens_a_name_of_27_000_characters() -> None:
    shown = summary_of("start" + "x" * 27_000 + "end")
    assert " startxxx" in shown
    assert "xxxend │" in shown
    assert len(shown) < 12_000


def test_the_ledger_shows_control_characters_as_escapes() -> None:
    console = Console(file=io.StringIO(), width=200)
    print_ledger(console, [AnswersOfMonth("https://host", "\x1b[2Jtype", "2024-02", 1, 1, 1)])
    assert r" \x1b[2Jtype " in console.file.getvalue()  # type: ignore[attr-defined]
