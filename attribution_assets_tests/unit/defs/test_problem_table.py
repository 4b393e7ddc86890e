"""What a check shows of its problems: a table of days and reasons, bounded in rows and text."""

from attribution_assets.defs.checks.problem_table import problems_metadata


def rows(problems: dict[str, list[str]]) -> list[tuple[object, object]]:
    """The rows of the table of problems."""
    return [(each.data["day"], each.data["problem"]) for each in problems_metadata(problems)["problems"].records]


def test_each_problem_is_a_row_with_its_day() -> None:
    found = {"2024-02-26": ["s1: bad time", "s2: bad time"], "2024-02-27": [], "2024-02-28": ["s3: no id"]}
    assert rows(found) == [("2024-02-26", "s1: bad time"), ("2024-02-26", "s2: bad time"), ("2024-02-28", "s3: no id")]


def test_without_problems_there_is_no_table() -> None:
    assert problems_metadata({}) == problems_metadata({"2024-02-26": []}) == {}


def test_a_hundred_rows_are_shown_and_the_others_counted() -> None:
    shown = rows({"2024-02-26": [f"s{number}" for number in range(101)], "2024-02-27": ["s0"]})
    assert shown[99:] == [("2024-02-26", "s99"), ("", "and 2 more")]
    assert len(rows({"2024-02-26": ["s"] * 100})) == 100


def test_a_long_text_is_shortened_and_what_cannot_be_seen_is_escaped() -> None:
    assert rows({"2024-02-26": ["x" * 300, "y" * 27_000, "\x1b[31mred"]}) == [
        ("2024-02-26", "x" * 300),
        ("2024-02-26", "y" * 225 + "…" + "y" * 74),
        ("2024-02-26", r"\x1b[31mred"),
    ]
