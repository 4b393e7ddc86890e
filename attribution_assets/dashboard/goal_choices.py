"""The reader's goals and margin: read from the query of a page's URL, and written to it; else saved ones hold.

Whether goals are met is in `goals.py`; the reader's other choices are in `choices.py`.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from attribution_assets.attribution.tables.readable import readable

MOST_MARGIN = 100.0
NO_GOALS = "none"
"""In an address without goals, says that the saved ones do not hold either."""
_ESCAPE = re.compile(r"\\(?:\\|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|[tnr])")


@dataclass(frozen=True)
class Goals:
    """Goals: the highest acceptable CPO and the lowest acceptable ROAS, for all channels and for single ones.

    Attributes:
        cpo: Highest CPO, in the source's currency.
        roas: Lowest ROAS.
        cpo_of: Channel -> highest CPO, used instead of `cpo`.
        roas_of: Channel -> lowest ROAS, used instead of `roas`.
    """

    cpo: float | None = None
    roas: float | None = None
    cpo_of: Mapping[str, float] = field(default_factory=dict)
    roas_of: Mapping[str, float] = field(default_factory=dict)

    def of(self, channel: str) -> tuple[float | None, float | None]:
        """The CPO goal and the ROAS goal of a channel: its own, else those for all channels, else None."""
        return self.cpo_of.get(channel, self.cpo), self.roas_of.get(channel, self.roas)


@dataclass(frozen=True)
class Usual:
    """Saved goals and margin: they hold where an address says none.

    Attributes:
        goals: The goals.
        margin: The margin, see `Choices`.
    """

    goals: Goals = field(default_factory=Goals)
    margin: float = MOST_MARGIN


NONE_SAVED = Usual()


def usual_of(query: str) -> Usual:
    """The saved goals and margin, from their query; what cannot be used of it is left out."""
    given, problems = dict(parse_qsl(query)), list[str]()
    return Usual(read_goals(given, Goals(), problems), read_margin(given, MOST_MARGIN, problems))


def _goal(name: str, given: Mapping[str, str], problems: list[str]) -> float | None:
    if name not in given:
        return None
    try:
        goal = float(given[name])
    except ValueError:
        goal = math.nan
    if 0 < goal < math.inf:
        return goal
    problems.append(f"{given[name]!r} is not a goal: it takes a number above 0.")
    return None


def read_goals(given: Mapping[str, str], usual: Goals, problems: list[str]) -> Goals:
    """The goals that a query gives; `usual` if it gives none. What cannot be used is added to `problems`."""
    if not any(name.startswith("goal") for name in given):
        return usual
    return Goals(
        _goal("goal_cpo", given, problems),
        _goal("goal_roas", given, problems),
        _goals_of("goal_cpo.", given, problems),
        _goals_of("goal_roas.", given, problems),
    )


def read_margin(given: Mapping[str, str], usual: float, problems: list[str]) -> float:
    """The margin that a query gives, as for `read_goals`."""
    text = given.get("margin", "")
    try:
        margin = float(text or usual)
    except ValueError:
        margin = math.nan
    if 0 < margin <= MOST_MARGIN:
        return margin
    problems.append(f"{text!r} is not a margin: it takes a percentage above 0, up to 100.")
    return usual


def _goals_of(prefix: str, given: Mapping[str, str], problems: list[str]) -> dict[str, float]:
    names = [name for name in given if name.startswith(prefix)]
    goals = {out_of_form(name.removeprefix(prefix)): _goal(name, given, problems) for name in names}
    return {channel: goal for channel, goal in goals.items() if goal is not None}


def goal_pairs(goals: Goals) -> list[tuple[str, str]]:
    """The goals as names and values of a URL's query; goals that are not set are left out."""
    for_all = [("goal_cpo", goals.cpo), ("goal_roas", goals.roas)]
    of_one = [(f"goal_cpo.{in_form(channel)}", goal) for channel, goal in sorted(goals.cpo_of.items())]
    of_one += [(f"goal_roas.{in_form(channel)}", goal) for channel, goal in sorted(goals.roas_of.items())]
    return [(name, number_text(goal)) for name, goal in for_all + of_one if goal is not None]


def channels_with_goals(goals: Goals) -> set[str]:
    """The channels that have goals of their own."""
    return {*goals.cpo_of, *goals.roas_of}


def in_form(channel: str) -> str:
    """A channel as it stands in forms and addresses: control characters as escapes, which HTML cannot hold."""
    return readable(channel.replace("\\", r"\\"), longest=None)


def out_of_form(text: str) -> str:
    """The channel that `in_form` wrote."""
    return _ESCAPE.sub(lambda escape: escape[0].encode().decode("unicode_escape"), text)


def number_text(number: float | None) -> str:
    """A goal as written in a URL and in its form field: the shortest text of the number, empty for None."""
    return "" if number is None else repr(number).removesuffix(".0")
