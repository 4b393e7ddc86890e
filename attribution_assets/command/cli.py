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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated

import typer

from attribution_assets.attribution.tables.readable import quoted
from attribution_assets.command.output import any_output
from attribution_assets.environment import without_secrets
from attribution_assets.errors import ConfigurationError, RunFailedError, RunRejectedError
from attribution_assets.settings import Settings, demo_start, log_format

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
        usable(settings, None)
        url, (first, last) = settings.database_url, first_and_last_partition(settings.first_day, settings.last_day)
        first = max(first, demo_start(last))
        if not has_source_tables(url):
            make_demo_database(url, first, (last - first).days + 1)
        elif (added := extend_demo_database(url, first, last)) is None:
            typer.echo("The database has source tables that are not the demo's: they are left as they are.")
        elif added.sessions:
            typer.echo(f"Added to the demo: {added.sessions:,} sessions and {added.orders:,} orders up to {last}.")
        _report(None, None, None)


@app.command()
def run(
    start_date: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="First day; without it, the first that holds data.")
    ] = None,
    end_date: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Last day; without it, the last that holds data.")
    ] = None,
    output: Annotated[
        str | None, typer.Option(metavar="FILE.csv", help="Where to write the report: a file, or a URL.")
    ] = None,
) -> None:
    """Materialize all assets for a range of days, both ends included, and report what each channel cost and earned."""
    start, end = _day("--start-date", start_date), _day("--end-date", end_date)
    with _problems_in_one_line():
        _report(start, end, output)


@app.command()
def status() -> None:
    """List the days that are missing, stale, changed in the source since, or provisional."""
    with _problems_in_one_line():
        from rich.console import Console

        from attribution_assets.command import report_range, terminal
        from attribution_assets.defs.resources import resources_of

        resources = resources_of(Settings.from_environment(), references=False)
        resources.storage.check()
        terminal.print_status(Console(), *report_range.current_status(resources))


@app.command()
def ledger(
    forget: Annotated[bool, typer.Option("--forget", help="Forget answers, so that they are asked for again.")] = False,  # noqa: FBT002  # Typer's form
    conversion_type: Annotated[str | None, typer.Option(metavar="ID", help="Forget only those for this type.")] = None,
    before: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Forget only those of days before this one (UTC).")
    ] = None,
    order: Annotated[
        list[str] | None, typer.Option(metavar="CONV_ID", help="Forget only those on this order; repeatable.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Forget without asking back.")] = False,  # noqa: FBT002  # the same
) -> None:
    """Show which answers of the IHC API are kept, by conversion type and month, or forget some."""
    day = _day("--before", before)
    if not forget and (conversion_type is not None or day or order or yes):
        raise typer.BadParameter("--conversion-type, --before, --order and --yes go with --forget")
    with _problems_in_one_line():
        from rich.console import Console

        from attribution_assets.attribution.ledger.ledger import Selection
        from attribution_assets.defs.resources import resources_of

        answers = resources_of(Settings.from_environment(), references=False).database.ledger()
        if forget:
            selection = Selection(conversion_type, day, tuple(order or ()))
            typer.echo(f"Answers to forget: {answers.count(selection)}; they are asked for again when needed.")
            if yes or typer.confirm("Forget them?", abort=True):
                typer.echo(f"Forgotten: {answers.forget(selection)}.")
        else:
            from attribution_assets.command.terminal import print_ledger

            print_ledger(Console(), answers.summary())


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
        from attribution_assets.defs.resources import resources_of
        from attribution_assets.instance.opening import history_to_read

        resources = resources_of(Settings.from_environment(), references=False)
        resources.storage.check()
        with suppress(KeyboardInterrupt), history_to_read() as instance:
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # the first process of a container ignores it
            wait = serve_metrics(instance, resources, host, port, allowed_host or ())
            typer.echo(f"Metrics: http://{host}:{port}/metrics")
            wait()


@app.command()
def serve_ihc(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on loopback.")] = 8700,
    allowed_host: AllowedHosts = None,
) -> None:
    """Run the embedded IHC service by itself until it is interrupted."""
    from attribution_assets.ihc_service.server import serve

    serve(port, allowed_hosts=allowed_host or ())


@app.command()
def dashboard(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8050,
    host: Annotated[str, typer.Option(help="Address to listen on; no authentication.")] = "127.0.0.1",
    allowed_host: AllowedHosts = None,
) -> None:
    """Serve the page for marketing until it is interrupted: what each channel cost and earned. It writes nothing."""
    with _problems_in_one_line():
        with _extra("dashboard", "altair", "jinja2", "openpyxl", "vl_convert"):
            from attribution_assets.dashboard.server import serve
        from attribution_assets.defs.resources import resources_of
        from attribution_assets.instance.opening import history_to_read

        resources = resources_of(Settings.from_environment(), references=False)
        resources.storage.check()
        with history_to_read() as instance:
            serve(instance, resources, host, port, allowed_host or ())


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
    try:
        return dt.datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007  # a calendar day
    except ValueError:
        raise typer.BadParameter(f"{quoted(str(text))} is not a date written YYYY-MM-DD", param_hint=option) from None


def _report(start: dt.date | None, end: dt.date | None, output: str | None) -> None:
    gc.disable()  # two thousand modules load now: the collector would look at them again and again, and free nothing
    from rich.console import Console

    from attribution_assets.attribution.freshness.records import SOURCE_ASSETS
    from attribution_assets.attribution.reporting.report_file import write_report
    from attribution_assets.attribution.results.channel_results import final_and_provisional_days
    from attribution_assets.command import report_range, terminal
    from attribution_assets.command.usable import usable

    gc.freeze()
    gc.set_threshold(200_000)
    gc.enable()
    with suppress(ValueError):  # of another thread than the main one
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # the first process of a container ignores it
    console, settings = Console(), Settings.from_environment()
    resources, path = usable(settings, output)
    storage = resources.storage.tables()
    first, last = report_range.days_to_report(resources.database.source(), storage, settings.windows, start, end)
    with terminal.progress(console) as on_stage:
        report_range.report_days(first, last, settings, resources, on_stage)
    not_made = report_range.days_not_made(resources, first, last)
    report, outcomes = report_range.results(storage, first, last, not_made)
    write_report(report, path, guard=settings.csv_guard)
    set_aside = report_range.rows_set_aside(storage, first, last)
    terminal.print_summary(console, report, outcomes, resources.ihc_api.answered_by, set_aside)
    terminal.print_orders_not_made(console, report_range.orders_not_made(storage, not_made))
    terminal.print_too_long_orders(console, report_range.too_long_orders(storage, first, last))
    source = resources.database.source()
    terminal.print_unusable_dates(console, [source.unusable_dates(asset) for asset in SOURCE_ASSETS])
    terminal.print_certainty(
        console,
        *final_and_provisional_days(storage, first, last, settings.lookback_days, settings.last_day),
    )
    terminal.print_report_file(console, first, last, path)
    if words := report_range.not_made_in_words(not_made):
        raise RunFailedError(words)


@contextmanager
def _problems_in_one_line() -> Iterator[None]:
    from attribution_assets.attribution.database.database import DatabaseError
    from attribution_assets.attribution.storage.asset_storage import ForeignStorageError

    as_json = False
    try:
        if as_json := log_format() == "json":
            from attribution_assets.instance.json_logs import use_for_all_else

            use_for_all_else()
        yield
        sys.stdout.flush()
    except (RunFailedError, OSError) as problem:
        _tell("Failed", problem, as_json=as_json)
        raise typer.Exit(FAILED) from None
    except (RunRejectedError, ConfigurationError, DatabaseError, ForeignStorageError) as problem:
        _tell("Not possible", problem, as_json=as_json)
        raise typer.Exit(NOT_POSSIBLE) from None
    finally:
        gc.unfreeze()


def _tell(what: str, problem: Exception, *, as_json: bool) -> None:
    from attribution_assets.attribution.tables.readable import readable

    words = readable(without_secrets(f"{what}: {' '.join(str(problem).split())}"), longest=None)
    if as_json:
        logging.getLogger(__name__).error(words)
    else:
        typer.echo(words, err=True)
