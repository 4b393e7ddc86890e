"""The command `attribution-assets`: thin over the code location, so that all it does is in Dagster's history too.

Only arguments, exit codes and printing belong here. Exit codes: 0 if every asset and blocking check succeeded, 1 if a
run failed, 2 if what was asked for cannot be done; then nothing has been written. Dagster and pandas are imported
only by the commands that need them, so that --help answers at once.
"""

import datetime as dt
import gc
import logging
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from attribution_assets.attribution.calendar.days import day_written
from attribution_assets.attribution.tables.readable import quoted
from attribution_assets.command.chosen import Chosen, chosen
from attribution_assets.command.ending import run_and_end
from attribution_assets.command.interrupts import ended_in_time
from attribution_assets.command.output import any_output
from attribution_assets.environment import without_secrets
from attribution_assets.errors import ConfigurationError, RunFailedError, RunRejectedError
from attribution_assets.settings import Settings, demo_start, log_format

if TYPE_CHECKING:
    from attribution_assets.defs.resources import Resources

FAILED, NOT_POSSIBLE = 1, 2


def _hosts(names: list[str] | None) -> list[str] | None:
    from attribution_assets.serving import host_named

    if strange := [name for name in names or () if host_named(name) is None]:
        raise typer.BadParameter(f"{strange[0]!r} is no host: give a name such as shop.example.com")
    return names


AllowedHosts = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        callback=_hosts,
        help="Answer to this name too, as behind a proxy that passes it on; repeatable.",
    ),
]

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


@app.command()
def demo() -> None:
    """Make a demo database that ends yesterday, or add the days since, then do what `run` does over all its days."""
    with _problems_in_one_line():
        from attribution_assets.command.usable import usable
        from attribution_assets.defs.partitions import first_and_last_partition
        from attribution_assets.demo import extend_demo_database, has_source_tables, make_demo_database

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
    start, end = _day("--start-date", start_date), _day("--end-date", end_date)
    if (preview and not dry_run) or (dry_run and (output or by)):
        raise typer.BadParameter("--preview goes with --dry-run, and --output and --by do not")
    with _problems_in_one_line(data_set):
        found = chosen(data_set, every=all_data_sets)
        if output and len(found) > 1:
            raise typer.BadParameter("--output goes with one data set: each has a folder of reports of its own")
        if dry_run:
            _of_each(found, lambda settings: _plan(settings, start, end, preview=preview))
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
    start, end = _day("--start-date", start_date), _day("--end-date", end_date)
    with _problems_in_one_line(data_set):
        from rich.console import Console

        from attribution_assets.command import comparison_files, terminal
        from attribution_assets.command.usable import reports_folder
        from attribution_assets.defs.resources import resources_of

        settings = _one(data_set)
        resources = resources_of(settings, references=False)
        resources.storage.check()
        storage, folder = resources.storage.tables(), reports_folder(resources.reports, output)
        storage.require(str(resources.database.source()))
        days = comparison_files.days_to_compare(storage, start, end)
        files = comparison_files.write_comparisons(storage, days, folder, guard=settings.csv_guard)
        terminal.print_comparison_files(Console(), days[0], days[-1], files)


@app.command()
def status(data_set: DataSetOption = None, all_data_sets: AllDataSets = False) -> None:  # noqa: FBT002  # Typer's form
    """List the days that are missing, stale, changed in the source since, or provisional."""

    def print_status(settings: Settings) -> None:
        from rich.console import Console

        from attribution_assets.command import report_range, terminal
        from attribution_assets.defs.resources import resources_of

        resources = resources_of(settings, references=False)
        resources.storage.check()
        terminal.print_status(Console(), *report_range.current_status(resources))

    with _problems_in_one_line(data_set):
        _of_each(chosen(data_set, every=all_data_sets), print_status)


@app.command()
def source(data_set: DataSetOption = None) -> None:
    """Look at the source tables before anything is run: what is there, what cannot be used, and what to do."""
    with _problems_in_one_line(data_set):
        from rich.console import Console

        from attribution_assets.command.source_report import report_source
        from attribution_assets.defs.resources import resources_of

        if not report_source(Console(), resources_of(_one(data_set), references=False)):
            raise typer.Exit(NOT_POSSIBLE)


@app.command()
def ledger(  # noqa: PLR0913, PLR0917 - its options
    forget: Annotated[bool, typer.Option("--forget", help="Forget answers, so that they are asked for again.")] = False,  # noqa: FBT002  # Typer's form
    conversion_type: Annotated[str | None, typer.Option(metavar="ID", help="Forget only those for this type.")] = None,
    before: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Forget only those of days before this one (UTC).")
    ] = None,
    order: Annotated[
        list[str] | None, typer.Option(metavar="CONV_ID", help="Forget only those on this order; repeatable.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Forget without asking back.")] = False,  # noqa: FBT002  # the same
    data_set: DataSetOption = None,
    all_data_sets: AllDataSets = False,  # noqa: FBT002  # the same
) -> None:
    """Show which answers of the IHC API are kept, by conversion type and month, or forget some."""
    day = _day("--before", before)
    if not forget and (conversion_type is not None or day or order or yes):
        raise typer.BadParameter("--conversion-type, --before, --order and --yes go with --forget")

    def of_data_set(settings: Settings) -> None:
        from rich.console import Console

        from attribution_assets.attribution.ledger.ledger import Selection
        from attribution_assets.defs.resources import resources_of

        answers = resources_of(settings, references=False).database.ledger()
        if forget:
            selection = Selection(conversion_type, day, tuple(order or ()))
            typer.echo(
                f"Answers to forget: {answers.count(selection)}; they are asked for again when their days are made"
                " again: run --again."
            )
            if yes or typer.confirm("Forget them?", abort=True):
                typer.echo(f"Forgotten: {answers.forget(selection)}.")
        else:
            from attribution_assets.command.terminal import print_ledger

            print_ledger(Console(), answers.summary())

    with _problems_in_one_line(data_set):
        _of_each(chosen(data_set, every=all_data_sets), of_data_set)


@app.command()
def erase(
    user: Annotated[str, typer.Option(metavar="ID", help="The visitor's id.")],
    data_set: DataSetOption = None,
) -> None:
    """Delete all that is kept of a visitor, and make anew the days that this touches.

    Rows of a source that a data set has of its own are deleted too; from other sources they have to be gone before.
    """
    with _problems_in_one_line(data_set), ended_in_time():
        from rich.console import Console

        from attribution_assets.attribution.calendar.days import in_words
        from attribution_assets.command import terminal
        from attribution_assets.command.erasure import erase as erase_user
        from attribution_assets.data_sets import owns_source

        settings, console = _one(data_set), Console()
        with terminal.progress(console) as bars:
            owned = bool(settings.data_set) and owns_source(settings.data_set)
            erased = erase_user(user, settings, bars.start, owns_source=owned)
        days = in_words(erased.all_days) if erased.all_days else "no day"
        typer.echo(
            f"Erased: {erased.sessions:,} sessions and {erased.orders:,} orders of the source, {erased.answers:,} kept"
            f" answers. Made anew: {days}."
        )


@app.command()
def metrics(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 9700,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    allowed_host: AllowedHosts = None,
) -> None:
    """Serve metrics for Prometheus until it is interrupted: of runs, checks, days, orders, the API and the ledger."""
    with _problems_in_one_line():
        with _extra("metrics", "prometheus_client"):
            from attribution_assets.monitoring.metrics import serve_metrics
        from attribution_assets.instance.opening import history_to_read

        data_sets = _usable_data_sets()
        with suppress(KeyboardInterrupt), history_to_read() as instance:
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # the first process of a container ignores it
            wait = serve_metrics(instance, data_sets, host, port, allowed_host or ())
            typer.echo(f"Metrics: http://{host}:{port}/metrics")
            wait()


@app.command()
def serve_ihc(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on loopback.")] = 8700,
    allowed_host: AllowedHosts = None,
    data_set: DataSetOption = None,
) -> None:
    """Run the embedded IHC service by itself until it is interrupted."""
    with _problems_in_one_line(data_set):
        from attribution_assets.defs.resources import resources_of
        from attribution_assets.ihc_service.server import serve

        known = resources_of(_one(data_set), references=False).ihc_api.known_types()
        serve(port, allowed_hosts=allowed_host or (), conversion_types=known)


@app.command()
def train(  # noqa: PLR0913, PLR0917 - its options
    conversion_type: Annotated[str, typer.Argument(metavar="TYPE", help="The conversion type's id.")],
    from_ledger: Annotated[  # noqa: FBT002  # Typer's form
        bool, typer.Option("--from-ledger", help="From stored answers of the API (default).")
    ] = False,
    answers: Annotated[str | None, typer.Option(metavar="FILE.csv", help="From answers in a file.")] = None,
    weights: Annotated[
        str | None, typer.Option(metavar="FILE.csv", help="From channel weights as the vendor's dashboard gives them.")
    ] = None,
    phase_weights: Annotated[
        str | None, typer.Option(metavar="I,H,C", help="With --weights: what the three phases count for.")
    ] = None,
    cut: Annotated[
        float | None, typer.Option(metavar="HOURS", help="Hours at which the dashboard's initializer curve reaches 1.")
    ] = None,
    journeys_only: Annotated[  # noqa: FBT002  # the same
        bool, typer.Option("--journeys-only", help="From stored journeys alone: an approximation.")
    ] = False,
    probe: Annotated[  # noqa: FBT002  # the same
        bool,
        typer.Option("--probe", help="Ask the API for journeys made to measure first: one request, which is paid."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --probe: ask without asking back.")] = False,  # noqa: FBT002  # the same
    since: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Only from stored answers on orders of this day and later.")
    ] = None,
    data_set: DataSetOption = None,
) -> None:
    """Learn a conversion type's parameters, with which the embedded service can answer it."""
    from attribution_assets.command import training

    wish = training.Wish(answers, weights, phase_weights, cut, journeys_only, _day("--since", since))
    wish.check()
    of_stored = wish == training.Wish(since=wish.since)
    if (from_ledger or probe) and not of_stored:
        raise typer.BadParameter("--from-ledger and --probe go with no other source")
    if yes and not probe:
        raise typer.BadParameter("--yes goes with --probe")
    with _problems_in_one_line(data_set):
        from rich.console import Console

        from attribution_assets.command.probe import train_by_probe
        from attribution_assets.defs.resources import resources_of

        resources = resources_of(_one(data_set), references=False)
        types, console = resources.ihc_api.trained(), Console()
        if probe:
            found = train_by_probe(console, resources, conversion_type, wish.since, confirmed=yes)
        else:
            found = training.train(resources, conversion_type, wish)
        training.print_training(console, found.trained)
        written = types.write(found.trained)
        typer.echo(f"Written: {types.file(written.name)}, version {written.training.version}.")


@app.command()
def conversion_types(data_set: DataSetOption = None) -> None:
    """List the conversion types that are trained: from what, how well, and which is in use."""
    with _problems_in_one_line(data_set):
        from rich.console import Console

        from attribution_assets.command.training import print_types
        from attribution_assets.defs.resources import resources_of

        account = resources_of(_one(data_set), references=False).ihc_api
        types = account.trained().all()
        print_types(Console(), types, account.order_types, with_key=bool(account.api_key))


@app.command()
def dashboard(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8050,
    host: Annotated[str, typer.Option(help="Address to listen on; no authentication.")] = "127.0.0.1",
    allowed_host: AllowedHosts = None,
    allow_saving: Annotated[  # noqa: FBT002  # the same
        bool, typer.Option("--allow-saving", help="Everyone who reaches the page may save goals, views, annotations.")
    ] = False,
) -> None:
    """Serve the page for marketing until it is interrupted: what each channel cost and earned."""
    with _problems_in_one_line():
        with _extra("dashboard", "jinja2", "openpyxl"):
            from attribution_assets.dashboard.server import serve
        from attribution_assets.instance.opening import history_to_read

        data_sets = _usable_data_sets()
        with history_to_read() as instance:
            serve(instance, data_sets, host, port, allowed_host or (), allow_saving=allow_saving)


@app.command()
def api(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8600,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    allowed_host: AllowedHosts = None,
    max_body: Annotated[
        int, typer.Option(min=1, max=1_000_000, metavar="MB", help="The longest upload, after decompression.")
    ] = 256,
    no_workers: Annotated[  # noqa: FBT002  # Typer's form
        bool, typer.Option("--no-workers", help="Leave operations to a Dagster daemon: its sensor api_operations.")
    ] = False,
) -> None:
    """Serve the HTTP API until it is interrupted: data sets, their rows, operations and results, for programs."""
    with _problems_in_one_line():
        from attribution_assets.api.server import serve

        typer.echo(f"API: http://{host}:{port}/v1, described at http://{host}:{port}/docs")
        if no_workers:
            typer.echo("Its operations wait for the sensor api_operations: switch it on in Dagster's UI.")
        serve(host, port, allowed_host or (), max_body * 2**20, workers=not no_workers)


api_keys = typer.Typer(help="Keys for the HTTP API: make, list and revoke them.", no_args_is_help=True)
app.add_typer(api_keys, name="api-key")


@api_keys.command("create")
def create_api_key(
    name: Annotated[str, typer.Argument(help="What the key is called, such as the program that has it.")],
    data_set: Annotated[
        list[str] | None, typer.Option("--data-set", metavar="NAME", help="Only for this data set; repeatable.")
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(metavar="read|write|run|admin", help="What it may do; repeatable. Without: read, write and run."),
    ] = None,
) -> None:
    """Make a key, and print it once."""
    with _problems_in_one_line():
        from attribution_assets.api.keys import Keys, Scope
        from attribution_assets.operations.home import Home

        if strange := [word for word in scope or () if word not in set(Scope)]:
            raise typer.BadParameter(f"{strange[0]!r} is none of {', '.join(Scope)}", param_hint="--scope")
        scopes = [Scope(word) for word in scope or ("read", "write", "run")]
        typer.echo(Keys(Home.from_environment()).create(name, data_set or (), scopes))


@api_keys.command("list")
def list_api_keys() -> None:
    """List the keys: for which data sets, with which scopes, and which are revoked."""
    with _problems_in_one_line():
        from attribution_assets.api.keys import Keys
        from attribution_assets.operations.home import Home

        for key in Keys(Home.from_environment()).all():
            of = ", ".join(key.data_sets) or "all data sets"
            state = f"revoked {key.revoked:%Y-%m-%d %H:%M}" if key.revoked else f"made {key.created:%Y-%m-%d %H:%M}"
            typer.echo(f"{key.name}: {of}; {', '.join(key.scopes)}; {state} (UTC)")


@api_keys.command("revoke")
def revoke_api_key(name: Annotated[str, typer.Argument(help="What the key is called.")]) -> None:
    """Have a key not work any more, from now on."""
    with _problems_in_one_line():
        from attribution_assets.api.keys import Keys
        from attribution_assets.operations.home import Home

        Keys(Home.from_environment()).revoke(name)
        typer.echo(f"Revoked: {name}.")


@contextmanager
def _extra(name: str, *packages: str) -> Iterator[None]:
    """Say which extra, of the command's name, to install where one of its packages is missing."""
    try:
        yield
    except ModuleNotFoundError as missing:
        if missing.name not in packages:
            raise
        raise ConfigurationError(f"{name} needs a package: pip install 'attribution-assets[{name}]'") from None


def _day(option: str, text: str | None) -> dt.date | None:
    if text is None:
        return None
    if (day := day_written(text)) is None:
        raise typer.BadParameter(f"{quoted(text)} is not a date written YYYY-MM-DD", param_hint=option)
    return day


def _one(names: list[str] | None) -> Settings:
    """The settings of the one data set that is asked for; without any, that of the environment.

    Raises:
        BadParameter: There are several.
        ConfigurationError: Its file cannot be used.
    """
    found = chosen(names, every=False)
    if len(found) > 1:
        raise typer.BadParameter("give one", param_hint="--data-set")
    return found[0].usable()


def _usable_data_sets() -> dict[str, "Resources"]:
    """Name -> resources of each data set that can be read; of the others it is said why not.

    Raises:
        ConfigurationError: None can.
    """
    from attribution_assets.defs.resources import resources_of

    found, problems = {}, list[ConfigurationError]()
    for data_set in chosen(None, every=True):
        try:
            resources = resources_of(data_set.usable(), references=False)
            resources.storage.check()
            found[data_set.name] = resources
        except ConfigurationError as problem:
            problems.append(problem)
            typer.echo(without_secrets(f"{data_set.title} is left out: {problem}"), err=True)
    if not found:
        raise problems[0]
    return found


def _of_each(found: Sequence[Chosen], do: Callable[[Settings], None]) -> None:
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
            with _problems_in_one_line([data_set.name]):
                do(data_set.usable())
        except typer.Exit as ended:
            codes.append(ended.exit_code)
    if codes:
        raise typer.Exit(max(codes))


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
    from attribution_assets.defs.resources import resources_of

    resources = resources_of(settings, references=False)
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
    gc.disable()  # most modules load now: the collector would look at them again and again
    from rich.console import Console

    from attribution_assets.attribution.reporting.report_file import write_breakdown, write_report
    from attribution_assets.attribution.results.channel_results import final_and_provisional_days
    from attribution_assets.command import report_range, terminal
    from attribution_assets.command.usable import usable

    gc.freeze()
    gc.enable()
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


@contextmanager
def _problems_in_one_line(data_sets: Sequence[str] | None = None) -> Iterator[None]:
    """Say what went wrong in one line, and end with the exit code for it.

    Args:
        data_sets: Names of those that it is about: settings of a single one are called by its attributes.
    """
    gc.set_threshold(200_000)  # two thousand modules load now, of which the collector can free nothing
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


def main() -> None:
    """The command as a process of its own."""
    run_and_end(app)


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
