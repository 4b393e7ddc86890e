"""The same report as a plain pandas script, for comparison: requests in series, no history, no checks, no second run.

usage: plain_script.py DATABASE.db URL KEY FIRST LAST OUTPUT.csv SESSIONS_PER_REQUEST JOURNEYS_PER_REQUEST
"""

import sqlite3
import sys

import pandas as pd
import requests

LOOKBACK_DAYS = 30


def main(arguments: list[str]) -> None:
    """Read everything, attribute order by order, write one CSV and the two result tables."""
    database, url, key, first, last, output, *limits = arguments
    max_sessions, max_journeys = map(int, limits)
    connection = sqlite3.connect(database)
    sessions = pd.read_sql(
        "SELECT s.*, c.cost FROM session_sources s LEFT JOIN session_costs c USING (session_id)", connection
    )
    conversions = pd.read_sql(
        "SELECT * FROM conversions WHERE conv_date BETWEEN ? AND ?", connection, params=(first, last)
    )
    sessions["session_time"] = pd.to_datetime(sessions["event_date"] + " " + sessions["event_time"])
    conversions["conversion_time"] = pd.to_datetime(conversions["conv_date"] + " " + conversions["conv_time"])

    journeys = conversions.merge(sessions, on="user_id")
    lead = journeys["conversion_time"] - journeys["session_time"]
    journeys = journeys[(lead > pd.Timedelta(0)) & (lead <= pd.Timedelta(days=LOOKBACK_DAYS))]
    journeys = journeys.sort_values(["conv_id", "session_time", "session_id"])
    journeys["conversion"] = (~journeys.duplicated("conv_id", keep="last")).astype(int)
    journeys["timestamp"] = journeys["session_time"].dt.strftime("%Y-%m-%d %H:%M:%S")
    sent = journeys.rename(columns={"conv_id": "conversion_id", "channel_name": "channel_label"})[
        [
            "conversion_id", "session_id", "timestamp", "channel_label", "holder_engagement", "closer_engagement",
            "conversion", "impression_interaction",
        ]
    ]  # fmt: skip

    answers: list[dict[str, object]] = []
    request: list[dict[str, object]] = []
    count = 0
    for _, journey in sent.groupby("conversion_id", sort=False):
        if len(journey) > max_sessions:
            continue
        if request and (len(request) + len(journey) > max_sessions or count == max_journeys):
            answers += _post(url, key, request)
            request, count = [], 0
        request += journey.to_dict("records")
        count += 1
    if request:
        answers += _post(url, key, request)

    credit = pd.DataFrame(answers).rename(columns={"conversion_id": "conv_id"})[["conv_id", "session_id", "ihc"]]
    credited = credit.merge(conversions[["conv_id", "revenue"]], on="conv_id").merge(
        sessions[["session_id", "channel_name", "event_date"]], on="session_id"
    )
    credited["ihc_revenue"] = credited["ihc"] * credited["revenue"]
    keys = ["channel_name", "event_date"]
    earned = credited.groupby(keys)[["ihc", "ihc_revenue"]].sum()
    shown = sessions[sessions["event_date"].between(first, last)]
    report = shown.groupby(keys)[["cost"]].sum().join(earned).fillna(0).reset_index()
    report = report.rename(columns={"event_date": "date"}).sort_values(["date", "channel_name"])
    credit.to_sql("attribution_customer_journey", connection, if_exists="replace", index=False)
    report.to_sql("channel_reporting", connection, if_exists="replace", index=False)
    connection.commit()
    report["CPO"] = report["cost"] / report["ihc"]
    report["ROAS"] = report["ihc_revenue"] / report["cost"]
    report.to_csv(output, index=False)


def _post(url: str, key: str, rows: list[dict[str, object]]) -> list[dict[str, object]]:
    answer = requests.post(
        f"{url}?conv_type_id=default", json={"customer_journeys": rows}, headers={"x-api-key": key}, timeout=60
    )
    answer.raise_for_status()
    return answer.json()["value"]  # type: ignore[no-any-return]


if __name__ == "__main__":
    main(sys.argv[1:])
