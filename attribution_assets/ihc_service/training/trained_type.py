"""A trained conversion type as it is kept: parameters, how they were found and how good they are, as TOML.

Where files of these lie, and their versions, is in `attribution/training/conversion_types.py`.
"""

import datetime as dt
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from attribution_assets.ihc_service.model import PHASES, Floats, ModelParameters

FORM = 1
"""The form of the file: another one is read in another way."""


class Method(StrEnum):
    """How parameters were found."""

    ANSWERS = "answers"
    TRANSCRIPTION = "transcription"
    JOURNEYS = "journeys"


@dataclass(frozen=True)
class Cut:
    """Where a gap restarts the journey.

    Attributes:
        hours: the shortest gap that does; inf if neither an answer nor the initializer curve shows one.
        below: the longest gap that did not.
        above: the shortest gap that did; inf if none was seen.
    """

    hours: float
    below: float
    above: float


@dataclass(frozen=True)
class Quality:
    """Errors of predicted ihc over the touchpoints of journeys of two or more sessions: those of one are always exact.

    Attributes:
        mean_error: mean of |ihc - answered ihc|.
        worst_error: the largest.
        touchpoints: over how many.
    """

    mean_error: float
    worst_error: float
    touchpoints: int


@dataclass(frozen=True)
class Training:
    """How a conversion type's parameters were found.

    Attributes:
        method: from answers, transcribed from the vendor's dashboard, or from journeys alone; only the first is
            measured, the others are approximations.
        trained_at: when, UTC.
        source: from what, in words.
        answers: answered journeys that were learned from.
        several: those of them with two or more sessions.
        cut: the cut, with its bounds.
        held_out: errors on journeys that were not learned from, by cross-validation; None without answers.
        without_evidence: channels whose weights stay at 1, as nothing was seen of them.
        holder_engaged: share of the touchpoints with `holder_engagement`.
        closer_engaged: the same with `closer_engagement`.
        version: counts the trainings of the type, from 1.
        since: only answers on orders of this day and later were learned from; None for all.
    """

    method: Method
    trained_at: dt.datetime
    source: str
    answers: int
    several: int
    cut: Cut
    held_out: Quality | None
    without_evidence: tuple[str, ...]
    holder_engaged: float
    closer_engaged: float
    version: int = 1
    since: dt.date | None = None

    @property
    def is_approximation(self) -> bool:
        """Whether the parameters do not come from answers."""
        return self.method is not Method.ANSWERS


@dataclass(frozen=True)
class TrainedType:
    """A conversion type's parameters with their training.

    Attributes:
        name: the conversion type's id.
        parameters: the model's parameters.
        training: how they were found.
    """

    name: str
    parameters: ModelParameters
    training: Training

    def numbered(self, version: int) -> "TrainedType":
        """The same as this version."""
        return replace(self, training=replace(self.training, version=version))

    def to_toml(self) -> str:
        """The text of its file; `read_trained_type` reads it."""
        training, parameters = self.training, self.parameters
        held_out = training.held_out
        quality = (
            f"\n[training.held_out]\nmean_error = {held_out.mean_error:.6f}\nworst_error = {held_out.worst_error:.4f}\n"
            f"touchpoints = {held_out.touchpoints}\n"
            if held_out
            else ""
        )
        note = "an approximation" if training.is_approximation else "learned from the API's answers"
        return (
            f"# Parameters of one conversion type of the IHC model: {note}. Hours are real ones, weights factors.\n"
            f"form = {FORM}\nname = {_text(self.name)}\n\n"
            "# A gap between two sessions longer than this restarts the journey; inf: no gap does.\n"
            f"restart_gap_hours = {_number(parameters.restart_gap_hours)}\n\n"
            "# Straight lines between [hours since the previous session, weight]; constant outside.\n"
            f"initializer_curve = {_curve(parameters.initializer_curve)}\n\n"
            "# Straight lines between [hours before the journey's last session, weight]; constant outside.\n"
            f"closer_curve = {_curve(parameters.closer_curve)}\n\n"
            f"[phase_weights]\n{_by_phase(parameters.phase_weights, chr(10))}\n\n"
            "# Factors of a channel's credit in each phase; 1 for channels that are not named.\n[channel_weights]\n"
            + "".join(
                f"{_text(channel)} = {{ {_by_phase(weights, ', ')} }}\n"
                for channel, weights in sorted(parameters.channel_weights.items())
            )
            + f"\n[training]\nversion = {training.version}\nmethod = {_text(training.method)}\n"
            f"approximation = {json.dumps(training.is_approximation)}\n"
            f"trained_at = {training.trained_at.astimezone(dt.UTC).isoformat(timespec='seconds')}\n"
            f"source = {_text(training.source)}\n{f'since = {training.since}{chr(10)}' if training.since else ''}"
            f"answers = {training.answers}\n"
            f"journeys_of_several_sessions = {training.several}\n"
            f"holder_engaged = {training.holder_engaged:.6f}\ncloser_engaged = {training.closer_engaged:.6f}\n"
            "# The longest gap that did not restart a journey, and the shortest that did.\n"
            f"cut_above_hours = {_number(training.cut.below)}\ncut_below_hours = {_number(training.cut.above)}\n"
            f"channels_without_evidence = [{', '.join(map(_text, training.without_evidence))}]\n{quality}"
        )


def read_trained_type(text: str) -> TrainedType:
    """A trained conversion type from the text of its file.

    Raises:
        ValueError: the text is not one; the message says why.
    """
    try:
        content = tomllib.loads(text)
        if content.get("form") != FORM:
            raise ValueError(f"its form is {content.get('form')!r}: this release reads {FORM}")
        parameters = ModelParameters.from_toml(text)
        parameters.check()
        return TrainedType(content["name"], parameters, _training(content["training"], parameters.restart_gap_hours))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"it is not TOML: {error}") from None
    except KeyError as error:
        raise ValueError(f"it has no {error.args[0]}") from None
    except (TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"a value is of another kind than it has to be: {error}") from None


def _training(content: Mapping[str, Any], cut_hours: float) -> Training:
    errors = content.get("held_out")
    held_out = Quality(errors["mean_error"], errors["worst_error"], errors["touchpoints"]) if errors else None
    return Training(
        method=Method(content["method"]),
        trained_at=content["trained_at"],
        source=content["source"],
        answers=content["answers"],
        several=content["journeys_of_several_sessions"],
        cut=Cut(cut_hours, float(content["cut_above_hours"]), float(content["cut_below_hours"])),
        held_out=held_out,
        without_evidence=tuple(content["channels_without_evidence"]),
        holder_engaged=content["holder_engaged"],
        closer_engaged=content["closer_engaged"],
        version=content["version"],
        since=content.get("since"),
    )


def _text(text: str) -> str:
    """A TOML string: JSON's, with DEL escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _number(number: float) -> str:
    return f"{number:.6f}".rstrip("0").rstrip(".") if number < float("inf") else "inf"


def _by_phase(weights: tuple[float, float, float], between: str) -> str:
    return between.join(f"{phase} = {weight:.5f}" for phase, weight in zip(PHASES, weights, strict=True))


def _curve(curve: tuple[Floats, Floats]) -> str:
    points = [f"[{hours:.5f}, {weight:.5f}]" for hours, weight in zip(*curve, strict=True)]
    lines = [", ".join(points[start : start + 6]) for start in range(0, len(points), 6)]
    return "[\n    " + ",\n    ".join(lines) + ",\n]"
