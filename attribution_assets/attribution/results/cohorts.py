"""What the visits of each week have earned some days after the touch.

Weeks are whole ones, Monday to Sunday, so that they can be compared. What the visits of a range of days have earned, by
channel, is in `channel_results.roas_by_days_since_touch`.
"""

import datetime as dt
from collections.abc import Collection, Sequence

import pandas as pd

from attribution_assets.attribution.calendar.days import whole_weeks
from attribution_assets.attribution.calendar.finality import is_final
from attribution_assets.attribution.results.channel_results import MODELS, sum_within
from attribution_assets.attribution.results.result_days import DateBasis, credited, reported_and_credit
from attribution_assets.attribution.sql.engine import decimal_of, run_sql
from attribution_assets.attribution.storage.asset_storage import AssetStorage

AGES = (1, 7, 14, 30)
"""Days after the touch."""

COST_SQL = f"""
SELECT date, channel_name, {decimal_of("cost")} AS cost
FROM channel_reporting
"""  # noqa: S608 - all of it stands here

EARNED_SQL = """
SELECT touch_date AS date, channel_name, {columns}
FROM model_comparison
WHERE model = '{model}' AND ({credited})
GROUP BY touch_date, channel_name
"""


def weekly_cohorts(  # noqa: PLR0913 - each is a choice of its own
    storage: AssetStorage,
    first: dt.date,
    last: dt.date,
    *,
    lookback_days: int,
    model: str = MODELS[0],
    channels: Collection[str] = (),
    ages: Sequence[int] = AGES,
    last_day: dt.date | None = None,
) -> pd.DataFrame:
    """Cost of each week's visits, and their earnings some days after the touch.

    Args:
        storage: The stored days.
        first: First day of the visits.
        last: Last day of the visits.
        lookback_days: Length of the lookback window; ages beyond it are left out.
        model: One of `MODELS`.
        channels: The channels that count; none for all.
        ages: Numbers of days. For each, orders placed at most so many days after the day of the visit count.
        last_day: Last day of the calendar, see `is_final`.

    Returns:
        week (its Monday, YYYY-MM-DD), cost, and for each age orders_7, revenue_7, roas_7 and so on: a row for each
        whole week all of whose days are `compared_days` by touch date. NaN where orders that could count have not been
        attributed yet; ROAS also without cost.
    """
    known_ages = [age for age in ages if age <= lookback_days]
    columns = [f"{figure}_{age}" for age in known_ages for figure in ("orders", "revenue")]
    reported, credit = reported_and_credit(storage, first, last, lookback_days, DateBasis.TOUCH)
    whole = whole_weeks(reported.files)
    week_of = {str(day): str(monday) for monday, days in whole.items() for day in days}
    sums = ", ".join(
        f"{sum_within(figure, age)} AS {figure}_{age}" for age in known_ages for figure in ("orders", "revenue")
    )
    sql = EARNED_SQL.format(columns=sums or "0 AS none", model=model, credited=credited(reported, DateBasis.TOUCH))
    frames = [run_sql(COST_SQL, reported), run_sql(sql, credit)]
    rows = pd.concat([frame[frame["channel_name"].isin(channels)] if channels else frame for frame in frames])
    rows = rows.assign(week=rows["date"].map(week_of))
    result = rows.groupby("week")[["cost", *columns]].sum().reindex([str(monday) for monday in whole], fill_value=0.0)
    attributed = credit.files.keys() - storage.empty_at_the_end(last_day)
    for age in known_ages:
        open_weeks = [
            str(monday)
            for monday, days in whole.items()
            if not all(is_final(day, attributed, age, last_day) for day in days)
        ]
        result.loc[open_weeks, [f"orders_{age}", f"revenue_{age}"]] = float("nan")
        roas = result[f"revenue_{age}"] / result["cost"].where(result["cost"] != 0)
        result[f"roas_{age}"] = roas
    figures = [f"{figure}_{age}" for age in known_ages for figure in ("orders", "revenue", "roas")]
    return result[["cost", *figures]].round(9).rename_axis("week").reset_index()
