"""What runs until it is interrupted: `dashboard`, `api` with its keys, `metrics` and `serve-ihc`."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from attribution_assets.command.chosen import chosen
from attribution_assets.command.cli.common import (
    DataSetOption,
    app,
    one_of,
    problems_in_one_line,
)
from attribution_assets.environment import without_secrets
from attribution_assets.errors import ConfigurationError

if TYPE_CHECKING:
    from attribution_assets.resources import Resources


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


@app.command()
def metrics(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 9700,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    allowed_host: AllowedHosts = None,
) -> None:
    """Serve metrics for Prometheus until it is interrupted: of runs, checks, days, orders, the API and the ledger."""
    with problems_in_one_line():
        with _extra("metrics", "prometheus_client"):
            from attribution_assets.monitoring.metrics_server import serve_metrics
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
    with problems_in_one_line(data_set):
        from attribution_assets.ihc_service.server import serve
        from attribution_assets.resources import resources_of

        known = resources_of(one_of(data_set)).ihc_api.known_types()
        serve(port, allowed_hosts=allowed_host or (), conversion_types=known)


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
    with problems_in_one_line():
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
    with problems_in_one_line():
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
    with problems_in_one_line():
        from attribution_assets.api.keys import Keys, Scope
        from attribution_assets.operations.home import Home

        if strange := [word for word in scope or () if word not in set(Scope)]:
            raise typer.BadParameter(f"{strange[0]!r} is none of {', '.join(Scope)}", param_hint="--scope")
        scopes = [Scope(word) for word in scope or ("read", "write", "run")]
        typer.echo(Keys(Home.from_environment()).create(name, data_set or (), scopes))


@api_keys.command("list")
def list_api_keys() -> None:
    """List the keys: for which data sets, with which scopes, and which are revoked."""
    with problems_in_one_line():
        from attribution_assets.api.keys import Keys
        from attribution_assets.operations.home import Home

        for key in Keys(Home.from_environment()).all():
            of = ", ".join(key.data_sets) or "all data sets"
            state = f"revoked {key.revoked:%Y-%m-%d %H:%M}" if key.revoked else f"made {key.created:%Y-%m-%d %H:%M}"
            typer.echo(f"{key.name}: {of}; {', '.join(key.scopes)}; {state} (UTC)")


@api_keys.command("revoke")
def revoke_api_key(name: Annotated[str, typer.Argument(help="What the key is called.")]) -> None:
    """Have a key not work any more, from now on."""
    with problems_in_one_line():
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


def _usable_data_sets() -> dict[str, "Resources"]:
    """Name -> resources of each data set that can be read; of the others it is said why not.

    Raises:
        ConfigurationError: None can.
    """
    from attribution_assets.resources import resources_of

    found, problems = {}, list[ConfigurationError]()
    for data_set in chosen(None, every=True):
        try:
            resources = resources_of(data_set.usable())
            resources.storage.check()
            found[data_set.name] = resources
        except ConfigurationError as problem:
            problems.append(problem)
            typer.echo(without_secrets(f"{data_set.title} is left out: {problem}"), err=True)
    if not found:
        raise problems[0]
    return found
