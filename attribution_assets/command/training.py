"""The commands `train` and `conversion-types`: what is trained from what, and what is printed of it."""

import datetime as dt
from dataclasses import dataclass

import typer
from rich.console import Console

from attribution_assets.attribution.files.locations import LocationError, location
from attribution_assets.attribution.ihc_api.order_types import OrderTypes
from attribution_assets.attribution.tables.readable import quoted, readable
from attribution_assets.attribution.training.stored_answers import (
    TrainingInputError,
    answers_in,
    learned_from_stored,
    stored_answers,
    stored_journeys,
    transcript_of,
)
from attribution_assets.command.terminal import say
from attribution_assets.errors import RunRejectedError
from attribution_assets.ihc_service.model import SHIPPED
from attribution_assets.ihc_service.training.calibration import TooFewAnswersError
from attribution_assets.ihc_service.training.learning import Learned, approximated, learned
from attribution_assets.ihc_service.training.trained_type import Method, TrainedType
from attribution_assets.resources import Resources

METHODS = {
    Method.ANSWERS: "answers",
    Method.TRANSCRIPTION: "transcribed (an approximation)",
    Method.JOURNEYS: "journeys alone (an approximation)",
}


@dataclass(frozen=True)
class Wish:
    """What a conversion type is to be trained from; without anything, from the stored answers of the API.

    Attributes:
        answers: a CSV file of answers.
        weights: a CSV file of channel weights, as the vendor's dashboard gives it.
        phase_weights: three numbers with commas between, as its bars show them.
        cut: hours at which its initializer curve reaches 1.
        journeys_only: from the stored journeys, without answers.
        since: only stored answers on orders of this day and later.
    """

    answers: str | None = None
    weights: str | None = None
    phase_weights: str | None = None
    cut: float | None = None
    journeys_only: bool = False
    since: dt.date | None = None

    def check(self) -> None:
        """See that what is asked for goes together.

        Raises:
            typer.BadParameter: It does not.
        """
        if bool(self.answers) + bool(self.weights) + self.journeys_only > 1:
            raise typer.BadParameter("--answers, --weights and --journeys-only exclude each other")
        if bool(self.weights) != bool(self.phase_weights):
            raise typer.BadParameter("--weights and --phase-weights go together: both are in the vendor's dashboard")
        if self.since and (self.answers or self.weights or self.journeys_only):
            raise typer.BadParameter("--since goes with stored answers of the API")
        if self.cut is not None and (not self.cut > 0 or not (self.weights or self.journeys_only)):
            raise typer.BadParameter("--cut takes hours, more than 0, and goes with --weights or --journeys-only")


def train(resources: Resources, name: str, wish: Wish) -> Learned:
    """Train a conversion type; nothing is written.

    Raises:
        RunRejectedError: There is too little to train from, or a file cannot be used.
        ForeignStorageError: The storage holds the tables of another database.
    """
    try:
        return _trained(resources, name, wish)
    except (TrainingInputError, LocationError) as error:
        raise RunRejectedError(str(error)) from None
    except TooFewAnswersError as error:
        raise RunRejectedError(
            f"{error}. Attribute more days with IHC_API_KEY and IHC_CONV_TYPE_ID={name}, have one request made to"
            " measure (--probe), or see --weights and --journeys-only of `attribution-assets train --help`"
        ) from None


def _trained(resources: Resources, name: str, wish: Wish) -> Learned:
    now, storage = dt.datetime.now(dt.UTC), resources.storage.tables()
    if wish.answers:
        return learned(name, answers_in(location(wish.answers)), f"the file {wish.answers}", now)
    source, asked = resources.database.source(), resources.ihc_api.asked_with(name)
    if not (wish.weights or wish.journeys_only):
        return learned_from_stored(storage, source, asked, now, wish.since)
    storage.require(str(source))
    answers, words = stored_answers(storage, asked), f"the journeys of the {source}"
    if wish.weights:
        transcript = transcript_of(location(wish.weights), _phase_weights(wish.phase_weights or ""), wish.cut)
        words = f"the vendor's dashboard ({wish.weights}), and {words}"
        return approximated(name, stored_journeys(storage), words, now, transcript=transcript, answered=answers)
    return approximated(name, stored_journeys(storage), words, now, answered=answers)


def _phase_weights(text: str) -> tuple[float, float, float]:
    try:
        initializer, holder, closer = map(float, text.split(","))
    except ValueError:
        raise typer.BadParameter(f"--phase-weights is {quoted(text)}: it takes three numbers: .3,.4,.3") from None
    total = initializer + holder + closer
    if not (min(initializer, holder, closer) >= 0 and total > 0):
        raise typer.BadParameter("--phase-weights must be 0 or more, and not all 0")
    return initializer / total, holder / total, closer / total


def print_training(console: Console, trained: TrainedType) -> None:
    """How good a training is, and what it does not know."""
    how, parameters = trained.training, trained.parameters
    lines = [f"{trained.name}: from {how.source}."]
    if how.is_approximation:
        lines.append(
            f"This is an approximation, from {how.several:,} journeys of several sessions: {METHODS[how.method]}."
        )
    else:
        lines.append(f"Learned from {how.answers:,} answered journeys, {how.several:,} of them of several sessions.")
    lines.append(f"Error of ihc {quality_in_words(trained)}.")
    weights = " / ".join(f"{weight:.3f}" for weight in parameters.phase_weights)
    lines.append(f"Initializer / holder / closer: {weights}. {cut_in_words(trained)}")
    if how.without_evidence:
        names = ", ".join(readable(name) for name in how.without_evidence[:10])
        lines.append(f"No evidence of the weights of {len(how.without_evidence)} channels, which stay at 1: {names}.")
    for line in lines:
        say(console, line)


def quality_in_words(trained: TrainedType) -> str:
    """The errors on what was not learned from."""
    held_out = trained.training.held_out
    if held_out is None or not held_out.touchpoints:
        return "was not measured: there are no answers"
    return (
        f"on journeys that were not learned from: {held_out.mean_error:.4f} a touchpoint, {held_out.worst_error:.4f} at"
        f" worst, of {held_out.touchpoints:,} touchpoints of journeys of several sessions"
    )


def cut_in_words(trained: TrainedType) -> str:
    """Where a gap restarts the journey, and how sure that is."""
    cut = trained.training.cut
    if cut.hours == float("inf"):
        return f"No gap restarts a journey, of up to {cut.below:.1f} h as far as was seen."
    if cut.above == float("inf"):
        return (
            f"By the curve, a gap of more than {cut.hours:.1f} h restarts the journey; of gaps over {cut.below:.1f} h"
            " no answer says."
        )
    if cut.below == cut.above:
        return f"A gap of more than {cut.hours:.1f} h restarts the journey."
    return (
        f"A gap of more than {cut.hours:.1f} h restarts the journey; of gaps between {cut.below:.1f} and"
        f" {cut.above:.1f} h no answer says."
    )


def print_types(console: Console, types: dict[str, TrainedType], used: OrderTypes, *, with_key: bool) -> None:
    """The conversion types that the embedded service knows: how they were trained, how well, and which is in use."""
    if SHIPPED not in types:
        say(console, f"{SHIPPED}, as shipped: from recorded answers of one account{_use(SHIPPED, used, with_key)}.")
    for name, trained in types.items():
        say(console, f"{readable(name)}, {_in_words(trained)}{_use(name, used, with_key)}.")
    for name in used.in_use:
        if name not in types and name != SHIPPED:
            setting = "IHC_CONV_TYPE_ID is" if name == used.default else "IHC_CONVERSION_TYPES names"
            say(console, f"{setting} {quoted(name)}, which is not trained.")


def _use(name: str, used: OrderTypes, with_key: bool) -> str:  # noqa: FBT001 - of one caller
    """Who attributes which orders with a conversion type; empty if nobody does."""
    values = [quoted(value) for value, of_value in used.mapped.items() if of_value == name]
    if name == used.default:
        values.insert(0, "orders without a type" if used.mapped else "all orders")
    who = "the API" if with_key else "the embedded service"
    return f"; {who} attributes with it: {', '.join(values)}" if values else ""


def _in_words(trained: TrainedType) -> str:
    how = trained.training
    errors = (
        f"mean error {how.held_out.mean_error:.4f}, worst {how.held_out.worst_error:.4f}"
        if how.held_out
        else "error not measured"
    )
    of = f"{how.answers:,} answers" if how.answers else METHODS[how.method]
    of += f" since {how.since}" if how.since else ""
    return f"version {how.version} of {how.trained_at:%Y-%m-%d}: from {of}, {errors}"
