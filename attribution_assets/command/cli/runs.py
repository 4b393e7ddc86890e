"""What is run, and what of it is shown: the commands `demo`, `run`, `compare`, `status` and `source`."""

import datetime as dt
from collections.abc import Sequence
from typing import Annotated

import typer

from attribution_assets.command.chosen import Chosen, chosen
from attribution_assets.command.cli.common import (
    NOT_POSSIBLE,
    AllDataSets,
    DataSetOption,
    app,
    day_given,
    modules_loading,
    of_each,
    one_of,
    problems_in_one_line,
)
from attribution_assets.command.interrupts import ended_in_time
from attribution_assets.errors import ConfigurationError, RunFailedError
from attribution_assets.settings import Settings, demo_start


@app.command()
def demo() -> None:
    """Make a demo database that ends yesterday, or add the days since, then do what `run` does over all its days."""
    with problems_in_one_line():
        from attribution_assets.command.usable import usable
        from attribution_assets.demo import extend_demo_database, has_source_tables, make_demo_database
        from attribution_assets.resources.calendar import first_and_last_partition

        settings = Settings.from_environment()
        if settings.source_url:
            raise ConfigurationError("the demo lies in ATTRIBUTION_DATABASE_URL: unset ATTRIBUTION_SOURCE_URL for it")
        usable(settings, None)
        url, (first, last) = settings.database_url, first_and_last_partition(settings.first_day, settings.last_day)
        first, types = max(first, demo_start(last)), settings.ihc_conversion_types
        if not has_source_tables(url):
            make_demo_database(url, first, (last - first).days + 1, conversion_types=types)
        elif (added := extend_demo_database(url, first, last, types)) is None:
            typer.echo("The database has source tables that are not this demo's: they are left as they are.")
        elif added.sessions:
            typer.echo(f"Added to the demo: {added.sessions:,} sessions and {added.orders:,} orders up to {last}.")
        _report(settings, None, None, None)


@app.command()
def run(  # noqa: PLR0913, PLR0917 - its options
    start_date: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="First day; without it, the first that holds data.")
    ] = None,
    end_date: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Last day; without it, the last that holds data.")
    ] = None,
    output: Annotated[
        str | None, typer.Option(metavar="FILE.csv", help="Where to write the report: a file, or a URL.")
    ] = None,
    by: Annotated[
        str | None, typer.Option(metavar="DIMENSION", help="Show the report broken down by this dimension, too.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Make the days again that are fresh, too.")] = False,  # noqa: FBT002  # Typer's form
    dry_run: Annotated[  # noqa: FBT002  # Typer's form
        bool, typer.Option("--dry-run", help="Only say what would be asked for; nothing is written.")
    ] = False,
    preview: Annotated[  # noqa: FBT002  # the same
        bool, typer.Option("--preview", help="With --dry-run: what the trained conversion type expects.")
    ] = False,
    data_set: DataSetOption = None,
    all_data_sets: AllDataSets = False,  # noqa: FBT002  # the same
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Of several data sets, how many run at a time.")] = 4,
) -> None:
    """Bring a range of days up to date, both ends included, and report what each channel cost and earned."""
    start, end = day_given("--start-date", start_date), day_given("--end-date", end_date)
    if (preview and not dry_run) or (dry_run and (output or by)):
        raise typer.BadParameter("--preview goes with --dry-run, and --output and --by do not")
    with problems_in_one_line(data_set):
        found = chosen(data_set, every=all_data_sets)
        if output and len(found) > 1:
            raise typer.BadParameter("--output goes with one data set: each has a folder of reports of its own")
        if dry_run:
            of_each(found, lambda settings: _plan(settings, start, end, preview=preview))
        elif len(found) > 1:
            days = [("--start-date", start_date), ("--end-date", end_date)]
            options = [word for option, day in days if day for word in (option, day)] + ["--again"] * again
            _report_side_by_side(found, options, jobs)
        else:
            _report(found[0].usable(), start, end, output, again=again, by=by)


@app.command()
def compare(
    start_date: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="First day; without it, the first that is stored.")
    ] = None,
    end_date: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Last day; without it, the last that is stored.")
    ] = None,
    output: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Where to write the files: a folder, or a URL.")
    ] = None,
    data_set: DataSetOption = None,
) -> None:
    """Write what is compared of the orders of stored days as CSV files: models, paths, channel roles, Markov chain."""
    start, end = day_given("--start-date", start_date), day_given("--end-date", end_date)
    with problems_in_one_line(data_set):
        from rich.console import Console

        from attribution_assets.command import comparison_files, terminal
        from attribution_assets.command.usable import reports_folder
        from attribution_assets.resources import resources_of

        settings = one_of(data_set)
        resources = resources_of(settings)
        resources.storage.check()
        storage, folder = resources.storage.tables(), reports_folder(resources.reports, output)
        storage.require(str(resources.database.source()))
        days = comparison_files.days_to_compare(storage, start, end)
        files = comparison_files.write_comparisons(storage, days, folder, guard=settings.csv_guard)
        terminal.print_comparison_files(Console(), days[0], days[-1], files)


@app.command()
def status(data_set: DataSetOption = None, all_data_sets: AllDataSets = False) -> None:  # noqa: FBT002  # Typer's form
    """List the days that are missing, stale, changed in the source since, or provisional."""

    def show(settings: Settings) -> None:
        with modules_loading():
            from rich.console import Console

            from attribution_assets.command.current_status import current_status
            from attribution_assets.command.terminal import print_status
            from attribution_assets.resources import resources_of

        resources = resources_of(settings)
        resources.storage.check()
        print_status(Console(), *current_status(resources))

    with problems_in_one_line(data_set):
        of_each(chosen(data_set, every=all_data_sets), show)


@app.command()
def source(data_set: DataSetOption = None) -> None:
    """Look at the source tables before anything is run: what is there, what cannot be used, and what to do."""
    with problems_in_one_line(data_set):
        from rich.console import Console

        from attribution_assets.command.source_report import report_source
        from attribution_assets.resources import resources_of

        if not report_source(Console(), resources_of(one_of(data_set))):
            raise typer.Exit(NOT_POSSIBLE)


def _report_side_by_side(found: Sequence[Chosen], options: Sequence[str], jobs: int) -> None:
    from rich.console import Console

    from attribution_assets.command.side_by_side import run_side_by_side

    with ended_in_time():
        if code := run_side_by_side(Console(), found, options, jobs):
            raise typer.Exit(code)


def _plan(settings: Settings, start: dt.date | None, end: dt.date | None, *, preview: bool) -> None:
    from rich.console import Console

    from attribution_assets.command import report_range
    from attribution_assets.command.dry_run import dry_run, print_dry_run
    from attribution_assets.resources import resources_of

    resources = resources_of(settings)
    resources.ihc_api.check()
    resources.storage.check()
    storage = resources.storage.tables()
    first, last = report_range.days_to_report(resources.database.source(), storage, settings.windows, start, end)
    report_range.require_mapped_types(resources, first, last)
    print_dry_run(Console(), dry_run(resources, first, last, preview=preview), resources.ihc_api.answered_by)


def _report(  # noqa: PLR0913 - the options of run
    settings: Settings,
    start: dt.date | None,
    end: dt.date | None,
    output: str | None,
    *,
    again: bool = False,
    by: str | None = None,
) -> None:
    with ended_in_time():
        _make_and_report(settings, start, end, output, again=again, by=by)


def _make_and_report(  # noqa: PLR0913 - as above
    settings: Settings, start: dt.date | None, end: dt.date | None, output: str | None, *, again: bool, by: str | None
) -> None:
    with modules_loading():
        from rich.console import Console

        from attribution_assets.attribution.reporting.report_file import write_breakdown, write_report
        from attribution_assets.attribution.results.result_days import final_and_provisional_days
        from attribution_assets.command import report_range, terminal
        from attribution_assets.command.usable import usable

    console = Console()
    resources, path = usable(settings, output)
    dimension = report_range.dimension_named(settings.windows, by)
    storage = resources.storage.tables()
    first, last = report_range.days_to_report(resources.database.source(), storage, settings.windows, start, end)
    report_range.require_mapped_types(resources, first, last)
    with terminal.progress(console) as bars:
        made = report_range.report_days(first, last, settings, resources, bars.start, again=again)
    if not made:
        console.print("All days are up to date. None was made again: --again makes them.")
    not_made = report_range.days_not_made(resources, first, last)
    report, outcomes = report_range.results(storage, first, last, not_made)
    write_report(report, path, guard=settings.csv_guard)
    set_aside = report_range.rows_set_aside(storage, first, last)
    terminal.print_summary(console, report, outcomes, resources.ihc_api.answered_by, set_aside)
    breakdown = report_range.breakdown(storage, settings.windows, first, last, not_made)
    if breakdown is not None:
        breakdown_path = path.with_name(f"{path.stem.replace('channel_reporting', 'channel')}_breakdown.csv")
        write_breakdown(breakdown, breakdown_path, guard=settings.csv_guard)
        terminal.print_breakdown(console, breakdown, dimension)
    terminal.print_conversion_types(console, report_range.orders_by_type(resources, outcomes))
    terminal.print_orders_not_made(console, report_range.orders_not_made(storage, not_made))
    terminal.print_too_long_orders(console, report_range.too_long_orders(storage, first, last))
    in_no_report = report_range.in_no_report(resources.database.source(), bars.in_no_report)
    terminal.print_rows_in_no_report(console, map(resources.rules.names.in_attributes, in_no_report))
    terminal.print_certainty(
        console,
        *final_and_provisional_days(storage, first, last, settings.lookback_days, settings.last_day),
    )
    terminal.print_report_file(console, first, last, path)
    if breakdown is not None:
        terminal.print_report_file(console, first, last, breakdown_path, "Breakdown")
    if words := report_range.not_made_in_words(not_made):
        raise RunFailedError(words)
