"""The problems that a check found, as a table for its metadata: which day, and what is wrong there.

Bounded in rows and in text: the event log is no place for all rows of a broken table.
"""

from collections.abc import Mapping, Sequence

import dagster as dg

from attribution_assets.attribution.tables.readable import readable

MOST_ROWS = 100
LONGEST_TEXT = 300

SCHEMA = dg.TableSchema(
    [
        dg.TableColumn("day", description="The day whose table was checked"),
        dg.TableColumn("problem", description="The row or number that is wrong, and why"),
    ]
)


def problems_metadata(problems: Mapping[str, Sequence[str]]) -> dict[str, dg.TableMetadataValue]:
    """`problems`: a row for each, by day; a last row without a day says how many more there are. None: nothing.

    Args:
        problems: What is wrong, by the day.
    """
    rows = [(day, readable(problem, LONGEST_TEXT)) for day, found in problems.items() for problem in found]
    if len(rows) > MOST_ROWS:
        rows = [*rows[:MOST_ROWS], ("", f"and {len(rows) - MOST_ROWS} more")]
    if not rows:
        return {}
    records = [dg.TableRecord({"day": day, "problem": problem}) for day, problem in rows]
    return {"problems": dg.MetadataValue.table(records, SCHEMA)}
