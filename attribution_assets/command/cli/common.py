"""What all parts of the command have in common: its options, its exit codes, and how problems are told.

Exit codes: 0 if every asset and blocking check succeeded, 1 if a run failed, 2 if what was asked for cannot be done;
then nothing has been written.
"""

import datetime as dt
import gc
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

from attribution_assets.attribution.calendar.days import day_written
from attribution_assets.attribution.tables.readable import quoted
from attribution_assets.command.chosen import Chosen, chosen
from attribution_assets.command.output import any_output
from attribution_assets.environment import without_secrets
from attribution_assets.errors import ConfigurationError, RunFailedError, RunRejectedError
from attribution_assets.settings import Settings, log_format

FAILED, NOT_POSSIBLE = 1, 2

DataSetOption = Annotated[
    list[str] | None,
    typer.Option("--data-set", metavar="NAME", help="A data set of ATTRIBUTION_DATA_SETS; repeatable."),
]
AllDataSets = Annotated[bool, typer.Option("--all-data-sets", help="All data sets.")]

app = typer.Typer(
    help="What each marketing channel cost and earned, with IHC attribution.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _with_any_output(context: typer.Context) -> None:
    context.with_resource(any_output())


def day_given(option: str, text: str | None) -> dt.date | None:
    """The day that an option gives; None without it.

    Raises:
        BadParameter: It is no day.
    """
    if text is None:
        return None
    if (day := day_written(text)) is None:
        raise typer.BadParameter(f"{quoted(text)} is not a date written YYYY-MM-DD", param_hint=option)
    return day


def one_of(names: list[str] | None) -> Settings:
    """The settings of the one data set that is asked for; without any, that of the environment.

    Raises:
        BadParameter: There are several.
        ConfigurationError: Its file cannot be used.
    """
    found = chosen(names, every=False)
    if len(found) > 1:
        raise typer.BadParameter("give one", param_hint="--data-set")
    return found[0].usable()


def of_each(found: Sequence[Chosen], do: Callable[[Settings], None]) -> None:
    """Do something of each data set, under its name if there are several; one that fails stops no other.

    Raises:
        Exit: With the worst exit code, if several are asked for and one failed.
    """
    if len(found) == 1:
        do(found[0].usable())
        return
    codes = []
    for data_set in found:
        typer.echo(f"\n{data_set.title}")
        try:
            with problems_in_one_line([data_set.name]):
                do(data_set.usable())
        except typer.Exit as ended:
            codes.append(ended.exit_code)
    if codes:
        raise typer.Exit(max(codes))


@contextmanager
def modules_loading() -> Iterator[None]:
    """Load modules without collecting garbage: there are up to two thousand, of which nothing can be freed."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def problems_in_one_line(data_sets: Sequence[str] | None = None) -> Iterator[None]:
    """Say what went wrong in one line, and end with the exit code for it.

    Args:
        data_sets: Names of those that it is about: settings of a single one are called by its attributes.
    """
    gc.set_threshold(200_000)
    with modules_loading():
        from attribution_assets.attribution.database.database import DatabaseError
        from attribution_assets.attribution.storage.asset_storage import ForeignStorageError
        from attribution_assets.attribution.training.conversion_types import ConversionTypesError

    as_json = False
    try:
        if as_json := log_format() == "json":
            from attribution_assets.instance.json_logs import use_for_all_else

            use_for_all_else()
        yield
        sys.stdout.flush()
    except (RunFailedError, OSError) as problem:
        _tell("Failed", problem, data_sets, as_json=as_json)
        raise typer.Exit(FAILED) from None
    except (RunRejectedError, ConfigurationError, ConversionTypesError, DatabaseError, ForeignStorageError) as problem:
        _tell("Not possible", problem, data_sets, as_json=as_json)
        raise typer.Exit(NOT_POSSIBLE) from None
    finally:
        gc.unfreeze()


def _tell(what: str, problem: Exception, data_sets: Sequence[str] | None, *, as_json: bool) -> None:
    from attribution_assets.attribution.tables.readable import readable

    said = " ".join(str(problem).split())
    if data_sets and len(data_sets) == 1:
        from attribution_assets.instance.data_set_names import DataSetNames

        said = DataSetNames(data_sets[0]).in_attributes(said)
    words = readable(without_secrets(f"{what}: {said}"), longest=None)
    if as_json:
        logging.getLogger(__name__).error(words)
    else:
        typer.echo(words, err=True)
