"""What `run --dry-run` says: what a run would ask the IHC API for and change, and what trained types expect of it.

Nothing is written but to a folder that is thrown away, and nobody is asked.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from rich.console import Console
from rich.table import Table

from attribution_assets.attribution.calendar.days import days_between, in_words
from attribution_assets.attribution.calendar.tables_by_day import batches
from attribution_assets.attribution.calendar.windows import Window
from attribution_assets.attribution.ledger.ledger import Ledger
from attribution_assets.attribution.progress import RequestPlan
from attribution_assets.attribution.reporting.journeys import customer_journeys
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import DayTable
from attribution_assets.attribution.tables.readable import quoted, readable
from attribution_assets.attribution.training.answered_days import TypesInUse
from attribution_assets.attribution.training.preview import expected_credit
from attribution_assets.command.fresh_days import days_not_fresh
from attribution_assets.command.terminal import say
from attribution_assets.command.training import quality_in_words
from attribution_assets.defs.assets.attribution import REQUESTS_PER_BATCH, typed_journeys
from attribution_assets.errors import RunRejectedError
from attribution_assets.ihc_service.training.trained_type import TrainedType
from attribution_assets.instance.opening import history_to_read
from attribution_assets.resources import Resources


@dataclass(frozen=True)
class DryRun:
    """What a run over some days would do.

    Attributes:
        days: the days.
        orders: their orders.
        too_long: those of them with more sessions than a request may hold.
        plan: what the API would have to be asked for.
        days_to_attribute: those of the days that are not fresh.
        days_that_would_change: days whose reports would change with them, in calendar order.
        not_counted: stored days near by, whose orders a run brings up to date too, and asks for where late rows have
            changed their journeys; what that comes to is known once it has read these rows.
        expected: channel_name, orders, revenue that trained types expect; None without a preview.
        trained: these types.
    """

    days: list[dt.date]
    orders: int
    too_long: int
    plan: RequestPlan
    days_to_attribute: Sequence[dt.date]
    days_that_would_change: Sequence[dt.date]
    not_counted: Sequence[dt.date]
    expected: pd.DataFrame | None = None
    trained: Sequence[TrainedType] = ()


def dry_run(resources: Resources, first: dt.date, last: dt.date, *, preview: bool) -> DryRun:
    """What a run from `first` to `last` would do, from the source as it is now.

    Raises:
        RunRejectedError: There is to be a preview, and no conversion type is trained that could give it.
        DatabaseError: The source, the ledger or the result tables cannot be read.
    """
    with history_to_read() as instance:
        due = sorted(days_not_fresh(instance, resources, first, last).days)
    windows = resources.rules.windows
    changed = {each for day in due for each in days_between(*windows.read_by(day, Window.LOOKBACK))}
    in_use = _all_trained(resources) if preview else None
    days, rules, account = days_between(first, last), resources.rules, resources.ihc_api
    with TemporaryDirectory(prefix="dry_run_") as folder:
        tables = AssetStorage(folder, resources.storage.tables().engine)
        source = resources.database.source()
        window = days_between(rules.windows.read_by(first, Window.LOOKBACK)[0], last)
        for asset, extracted in (("sessions", source.sessions(window)), ("conversions", source.conversions(days))):
            for read in extracted:
                tables.write(asset, DayTable(read.day, read.frame, {}, read.beside))
        placed, visits = tables.days("conversions", days), tables.days("sessions", window)
        too_long = 0
        for day, journeys, left_out in customer_journeys(placed, visits, rules.windows):
            tables.write("journeys", DayTable(day, journeys, {}))
            too_long += len(left_out)
        made = tables.days("journeys", days)
        rows = REQUESTS_PER_BATCH * account.max_sessions_per_request
        with account.client(_ledger(resources, Path(folder))) as client:
            named = tables.days("order_types", days)
            plan = client.plan(batch for _, batch in batches(typed_journeys(made, named, account), rows))
        orders = sum(stamp.rows for stamp in placed.stamps().values())
        expected = None
        if in_use:
            revenue = pd.concat([frame for _, frame in placed.frames()]).set_index("conv_id")["revenue"]
            expected = expected_credit(((frame, named.frame(day)) for day, frame in made.frames()), in_use, revenue)
    near_by = days_between(*windows.days_touched_by(first, last))
    stored = set(near_by).difference(days, resources.storage.tables().days("journeys", near_by).missing)
    trained = [*in_use.trained.values()] if in_use else []
    return DryRun(days, orders, too_long, plan, due, sorted(changed), sorted(stored), expected, trained)


def _ledger(resources: Resources, folder: Path) -> Ledger:
    """The ledger, or an empty one in the folder if it has not been made yet: using it would make it."""
    ledger = resources.database.ledger()
    if ledger.is_there():
        return ledger
    database = folder / "ledger.db"
    database.touch()
    return Ledger(f"sqlite:///{database}")


def _all_trained(resources: Resources) -> TypesInUse:
    """The conversion types that orders can have, all of which are trained."""
    account = resources.ihc_api
    if account.redistribution_parameter:
        raise RunRejectedError("a preview knows no IHC_REDISTRIBUTION_PARAMETER, whose arithmetic is not published")
    in_use = account.types_in_use()
    for name in account.order_types.in_use:
        if name not in in_use.trained:
            raise RunRejectedError(
                f"a preview needs a trained conversion type, and {quoted(name)} is not: see"
                " `attribution-assets train --help`"
            )
    return in_use


def print_dry_run(console: Console, found: DryRun, answered_by: str) -> None:
    """The plan, and the preview if there is one, which is called one in each of its lines."""
    say(
        console,
        f"Dry run: nothing is asked for and nothing is written. {in_words(found.days)}: {found.orders:,} orders.",
    )
    say(console, f"IHC API ({answered_by}): {found.plan}.")
    if found.days_to_attribute:
        due, changed = in_words(found.days_to_attribute), in_words(found.days_that_would_change)
        say(console, f"Days to attribute: {due}. Days that would change: {changed}.")
    else:
        say(console, "Every day is fresh: no day would change.")
    if found.not_counted:
        days = in_words(found.not_counted)
        say(console, f"Not counted: a run asks for orders of {days} too, if late rows have changed their journeys.")
    if found.too_long:
        say(console, f"{found.too_long:,} orders have more sessions than a request may hold.")
    if found.expected is None:
        return
    table = Table(
        "channel", "orders (preview)", "revenue (preview)", title="Preview: expected, not answered by the API"
    )
    for row in found.expected.sort_values("orders", ascending=False).itertuples():
        table.add_row(readable(str(row.channel_name)), f"{row.orders:,.2f}", f"{row.revenue:,.2f}")
    table.add_row("total", f"{found.expected['orders'].sum():,.2f}", f"{found.expected['revenue'].sum():,.2f}")
    console.print(table)
    for how in found.trained:
        what = "an approximation" if how.training.is_approximation else f"version {how.training.version}"
        say(console, f"Preview by the conversion type {quoted(how.name)} ({what}); its error {quality_in_words(how)}.")
