"""What is kept and learned: the commands `ledger`, `erase`, `train` and `conversion-types`."""

from typing import Annotated

import typer

from attribution_assets.command.chosen import chosen
from attribution_assets.command.cli.common import (
    AllDataSets,
    DataSetOption,
    app,
    day_given,
    of_each,
    one_of,
    problems_in_one_line,
)
from attribution_assets.command.interrupts import ended_in_time
from attribution_assets.settings import Settings


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
    day = day_given("--before", before)
    if not forget and (conversion_type is not None or day or order or yes):
        raise typer.BadParameter("--conversion-type, --before, --order and --yes go with --forget")

    def of_data_set(settings: Settings) -> None:
        from rich.console import Console

        from attribution_assets.attribution.ledger.ledger import Selection
        from attribution_assets.resources import resources_of

        answers = resources_of(settings).database.ledger()
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

    with problems_in_one_line(data_set):
        of_each(chosen(data_set, every=all_data_sets), of_data_set)


@app.command()
def erase(
    user: Annotated[str, typer.Option(metavar="ID", help="The visitor's id.")],
    data_set: DataSetOption = None,
) -> None:
    """Delete all that is kept of a visitor, and make anew the days that this touches.

    Rows of a source that a data set has of its own are deleted too; from other sources they have to be gone before.
    """
    with problems_in_one_line(data_set), ended_in_time():
        from rich.console import Console

        from attribution_assets.attribution.calendar.days import in_words
        from attribution_assets.command import terminal
        from attribution_assets.command.erasure import erase as erase_user
        from attribution_assets.data_sets import owns_source

        settings, console = one_of(data_set), Console()
        with terminal.progress(console) as bars:
            owned = bool(settings.data_set) and owns_source(settings.data_set)
            erased = erase_user(user, settings, bars.start, owns_source=owned)
        days = in_words(erased.all_days) if erased.all_days else "no day"
        typer.echo(
            f"Erased: {erased.sessions:,} sessions and {erased.orders:,} orders of the source, {erased.answers:,} kept"
            f" answers. Made anew: {days}."
        )


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

    wish = training.Wish(answers, weights, phase_weights, cut, journeys_only, day_given("--since", since))
    wish.check()
    of_stored = wish == training.Wish(since=wish.since)
    if (from_ledger or probe) and not of_stored:
        raise typer.BadParameter("--from-ledger and --probe go with no other source")
    if yes and not probe:
        raise typer.BadParameter("--yes goes with --probe")
    with problems_in_one_line(data_set):
        from rich.console import Console

        from attribution_assets.command.probe import train_by_probe
        from attribution_assets.resources import resources_of

        resources = resources_of(one_of(data_set))
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
    with problems_in_one_line(data_set):
        from rich.console import Console

        from attribution_assets.command.training import print_types
        from attribution_assets.resources import resources_of

        account = resources_of(one_of(data_set)).ihc_api
        types = account.trained().all()
        print_types(Console(), types, account.order_types, with_key=bool(account.api_key))
