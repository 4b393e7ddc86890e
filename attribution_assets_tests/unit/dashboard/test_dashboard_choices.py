"""What the page's address says: one state has one address, and what is no choice is said in words."""

import datetime as dt
from urllib.parse import parse_qsl

from hypothesis import given
from hypothesis import strategies as st

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.results.channel_results import MODELS
from attribution_assets.dashboard.choices import Choices, read_choices
from attribution_assets.dashboard.goal_choices import NONE_SAVED, Goals, Usual, in_form, out_of_form, usual_of
from attribution_assets.dashboard.offered import METRICS, OVERLAYS, PRESETS, SPLITS
from attribution_assets.dashboard.reported_days import Reported

FIRST, LAST = dt.date(2024, 1, 1), dt.date(2024, 3, 31)
REPORTED = Reported(FIRST, LAST, frozenset(days_between(FIRST, LAST)))

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(lambda name: name.strip())
GOALS = st.floats(1e-9, 1e12)
VALUES = {
    "first": st.dates(FIRST, LAST).map(str) | NAMES,
    "last": st.dates(FIRST, dt.date(2024, 4, 9)).map(str) | NAMES,
    "days": st.sampled_from([*PRESETS, "31"]),
    "channel": NAMES,
    "model": st.sampled_from([*MODELS, "markov"]),
    "basis": st.sampled_from(["touch_date", "conversion_date", ""]),
    "by": st.sampled_from(["day", "week", "month", ""]),
    "split": st.sampled_from([*SPLITS, "week"]),
    "overlay": st.sampled_from([*OVERLAYS, ""]),
    "metric": st.sampled_from([*METRICS, "clicks"]),
    "against": st.sampled_from([*MODELS, "markov"]),
    "sort": st.sampled_from(["cost", "-cost", "-channel", "profit", "-change", "name"]),
    "compare": st.sampled_from(["before", "year", "week"]),
    "order.market": NAMES,
    "order.country": NAMES,
    "grouped": st.sampled_from(["yes", "no"]),
    "goals": st.just("none"),
    "margin": st.floats(-1, 101).map(repr) | NAMES,
    "goal_cpo": GOALS.map(repr) | NAMES,
    "goal_roas": GOALS.map(repr),
    "goal_cpo.Search": GOALS.map(repr),
    "goal_roas.Search": GOALS.map(repr) | NAMES,
}
PAIRS = st.sampled_from(list(VALUES)).flatmap(lambda name: st.tuples(st.just(name), VALUES[name]))


def read(query: str, usual: Usual = NONE_SAVED) -> tuple[Choices, list[str]]:
    return read_choices(parse_qsl(query, keep_blank_values=True), REPORTED, (), ("market",), usual)


@given(st.lists(PAIRS, max_size=8), st.sampled_from(["", "goal_cpo=40&margin=50", "goal_roas.Search=2"]))
def test_the_address_of_choices_is_read_as_the_same_choices(pairs: list[tuple[str, str]], saved: str) -> None:
    usual = usual_of(saved)
    choices, _ = read_choices(pairs, REPORTED, (), ("market",), usual)
    assert read(choices.query, usual) == (choices, [])
    assert read(choices.query, usual)[0].query == choices.query
    assert usual_of(choices.goals_query) == Usual(choices.goals, choices.margin)
    assert FIRST <= choices.first <= choices.last <= LAST


def test_nothing_chosen_is_the_last_30_days_by_ihc_and_an_empty_address() -> None:
    choices, problems = read("")
    assert choices == Choices(dt.date(2024, 3, 2), LAST)
    assert (problems, choices.query) == ([], "")
    assert (choices.days, choices.before) == (30, (dt.date(2024, 2, 1), dt.date(2024, 3, 1)))


def test_full_weeks_and_months_are_the_last_that_have_ended_and_move_with_the_data() -> None:
    assert [read(f"days={preset}")[0].fixed for preset in ("week", "month")] == [
        "first=2024-03-25&last=2024-03-31",
        "first=2024-03-01&last=2024-03-31",
    ]
    saturday = Reported(FIRST, dt.date(2024, 3, 30))
    assert [read_choices([("days", preset)], saturday)[0].fixed for preset in ("week", "month", "90")] == [
        "first=2024-03-18&last=2024-03-24",
        "first=2024-02-01&last=2024-02-29",
        "first=2024-01-01&last=2024-03-30",
    ]
    few = Reported(dt.date(2024, 3, 27), dt.date(2024, 3, 30))
    assert read_choices([("days", "week")], few)[0].fixed == "first=2024-03-27&last=2024-03-30"


def test_data_is_old_once_a_report_is_late_unless_the_data_has_ended() -> None:
    later = [LAST + dt.timedelta(days=days) for days in (1, 2, 3)]
    assert [REPORTED.is_old(today) for today in later] == [False, False, True]
    assert [Reported(FIRST, LAST, data_ends=LAST).is_old(today) for today in later] == [False] * 3


def test_a_margin_is_a_percentage_above_0_up_to_100() -> None:
    assert read("margin=40")[0].margin == 40
    for text in ("0", "100.5", "nan", "40%"):
        choices, problems = read_choices([("margin", text)], REPORTED)
        assert (choices.margin, problems) == (
            100,
            [f"{text!r} is not a margin: it takes a percentage above 0, up to 100."],
        )


def test_a_preset_stays_one_until_other_dates_are_chosen() -> None:
    assert read("days=7&first=2024-03-25&last=2024-03-31")[0].query == "days=7"
    assert read("days=7&first=2024-03-20&last=2024-03-31")[0].query == "first=2024-03-20&last=2024-03-31"


def test_dates_in_an_address_stay_those_dates_when_they_are_the_last_days_too() -> None:
    assert read("first=2024-03-02&last=2024-03-31")[0].query == "first=2024-03-02&last=2024-03-31"


def test_days_without_reports_are_cut_off_with_a_word() -> None:
    choices, problems = read("first=2023-01-01&last=2024-01-02")
    assert (choices.first, choices.last) == (FIRST, dt.date(2024, 1, 2))
    assert problems == ["There are reports from 2024-01-01 to 2024-03-31 only."]


def test_charts_go_by_week_where_days_are_too_many_to_see() -> None:
    of_days = [Choices(FIRST, FIRST + dt.timedelta(days=count - 1)) for count in (92, 93)]
    assert [choices.step for choices in of_days] == ["day", "week"]
    assert Choices(FIRST, FIRST, by="week").step == "week"


def test_a_channels_own_goals_stand_before_those_for_all() -> None:
    goals = Goals(40.0, 3.0, {"Display": 60.0}, {"Search": 5.0})
    assert [goals.of(name) for name in ("Display", "Search", "SEO")] == [(60.0, 3.0), (40.0, 5.0), (40.0, 3.0)]


def test_goals_that_are_no_numbers_above_0_are_refused_each_with_its_words() -> None:
    choices, problems = read("goal_cpo=0&goal_roas=nan&goal_cpo.Search=inf&goal_roas.Search=2,5")
    assert choices.goals == Goals()
    assert problems == [f"{text!r} is not a goal: it takes a number above 0." for text in ("0", "nan", "inf", "2,5")]


@given(NAMES)
def test_any_channel_has_an_address_and_a_form_value_without_control_characters(name: str) -> None:
    written = in_form(name)
    assert all(letter.isprintable() or letter.isspace() for letter in written)
    assert not set(written) & set("\0\x1b\n\r\t\x9b\u202e")
    assert out_of_form(written) == name
    assert read(Choices(FIRST, LAST, channels=(name,)).query)[0].channels == (name,)


def test_a_goal_of_a_channel_with_a_control_character_is_read_back() -> None:
    goals = Goals(cpo_of={"\x1b[31m\\x41": 2.0})
    assert read(Choices(FIRST, LAST, goals=goals).query)[0].goals == goals


def test_a_dimension_is_one_of_those_that_there_are() -> None:
    choices, problems = read_choices([("dimension", "campaign")], REPORTED, ("campaign", "market"))
    assert (choices.dimension, problems) == ("campaign", [])
    assert choices.query == "dimension=campaign"
    without, problems = read_choices([("dimension", "country")], REPORTED, ("campaign",))
    assert (without.dimension, problems) == ("", ["dimension can be campaign, not 'country'."])


def test_saved_goals_hold_where_an_address_says_none_and_are_left_out_of_it() -> None:
    usual = usual_of("margin=50&goal_cpo=40&goal_roas.Search=3")
    assert (usual.goals, usual.margin) == (Goals(cpo=40.0, roas_of={"Search": 3.0}), 50.0)
    kept, other, none = (read(query, usual)[0] for query in ("", "goal_cpo=20&margin=100", "goals=none"))
    assert (kept.goals, kept.margin, kept.query) == (usual.goals, 50.0, "")
    assert (other.goals, other.query) == (Goals(cpo=20.0), "margin=100&goal_cpo=20")
    assert (none.goals, none.margin, none.query) == (Goals(), 50.0, "goals=none")
    assert other.with_usual == ""


def test_a_year_before_has_the_same_weekdays() -> None:
    choices, problems = read("first=2024-03-04&last=2024-03-10&compare=year&order.market=north")
    assert (choices.before, choices.before[0].weekday()) == ((dt.date(2023, 3, 6), dt.date(2023, 3, 12)), 0)
    assert (choices.orders, problems) == ((("market", "north"),), [])


def test_the_period_compared_with_is_named_in_words() -> None:
    assert [Choices(LAST, LAST, compare=compare).before_words for compare in ("before", "year")] == [
        "the day before",
        "the same weekdays a year before",
    ]
    assert Choices(FIRST, FIRST + dt.timedelta(days=6)).before_words == "the 7 days before"
