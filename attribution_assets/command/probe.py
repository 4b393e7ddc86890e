"""`train --probe`: one request made to measure, whose cost is said and confirmed before it is made."""

import datetime as dt

import pandas as pd
import typer
from rich.console import Console

from attribution_assets.attribution.ihc_api.errors import IhcApiError
from attribution_assets.attribution.tables.readable import quoted
from attribution_assets.attribution.training.probing import answered_probe, as_journeys, channels_by_visits
from attribution_assets.attribution.training.stored_answers import answers_of, stored_touchpoints
from attribution_assets.command.terminal import say
from attribution_assets.errors import RunFailedError, RunRejectedError
from attribution_assets.ihc_service.training.calibration import TooFewAnswersError, cut_bounds
from attribution_assets.ihc_service.training.learning import Learned, learned
from attribution_assets.ihc_service.training.probe import FEWEST_JOURNEYS, MOST_JOURNEYS, probe
from attribution_assets.resources import IhcApiAccount, Resources


def train_by_probe(
    console: Console, resources: Resources, name: str, since: dt.date | None = None, *, confirmed: bool = False
) -> Learned:
    """Train a conversion type from the answers to a probe and the stored answers; no training is written.

    Args:
        console: Where the cost is said.
        resources: Database, storage and account.
        name: The conversion type.
        since: Only stored answers on orders of this day and later.
        confirmed: Whether the request may be made without asking back.

    Raises:
        RunRejectedError: There is no key, the account's limits are too low, it is not confirmed, or the API refused
            too much of it.
        RunFailedError: The API did not answer.
        ForeignStorageError: The storage holds the tables of another database.
    """
    account, now = _account_of(resources.ihc_api, name), dt.datetime.now(dt.UTC)
    source, storage = resources.database.source(), resources.storage.tables()
    storage.require(str(source))
    channels = channels_by_visits(source)
    if not channels:
        raise RunRejectedError("the source has no visits, so that the channels to probe are not known")
    journeys = min(MOST_JOURNEYS, account.max_journeys_per_request, account.max_sessions_per_request // 2)
    if journeys < FEWEST_JOURNEYS:
        raise RunRejectedError(f"a probe takes {FEWEST_JOURNEYS} journeys of 2 sessions: more than a request may hold")
    known = stored_touchpoints(storage, resources.ihc_api.asked_with(name), since)
    bounds = cut_bounds(answers_of(known)) if len(known) else None
    asked = as_journeys(probe(channels, journeys, bounds), now.date())
    with account.client(resources.database.ledger()) as client:
        plan = client.plan([asked])
        say(console, f"Probe of the conversion type {quoted(name)}: {plan}; paid like any other.")
        if plan.requests and not confirmed:
            _confirm()
        try:
            answered = answered_probe(asked, client.attribute(asked).touchpoints)
        except IhcApiError as error:
            raise RunFailedError(f"the probe was not answered: {error}") from None
    words = f"a probe of {answered['conv_id'].nunique()} journeys"
    if len(known):
        answered, words = pd.concat([known, answered]), f"{words}, and what the API answered for the {source}"
    try:
        return learned(name, answers_of(answered), words, now, since)
    except TooFewAnswersError as error:
        raise RunRejectedError(f"the API refused most of the probe: {error}") from None


def _account_of(account: IhcApiAccount, name: str) -> IhcApiAccount:
    """The account as it asks for one conversion type, without a redistribution parameter."""
    if not account.api_key:
        raise RunRejectedError("a probe asks the API, and there is no IHC_API_KEY")
    return account.model_copy(update={"conv_type_id": name, "redistribution_parameter": None, "types_of_orders": {}})


def _confirm() -> None:
    try:
        confirmed = typer.confirm("Make it?")
    except typer.Abort:  # there is no terminal
        confirmed = False
    if not confirmed:
        raise RunRejectedError("the probe was not confirmed, and nothing was asked for: --yes confirms it")
