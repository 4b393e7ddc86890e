"""A probe's way to the IHC API and back: its journeys as the table `journeys` has them, its answers as learned from.

Which journeys it has is in `ihc_service/training/probe.py`; whether it is made is for a person to say.
"""

import datetime as dt
from collections import Counter

import numpy as np
import pandas as pd

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.source.database import SourceDatabase
from attribution_assets.attribution.tables.credit import ATTRIBUTED, CREDIT_COLUMNS
from attribution_assets.attribution.training.stored_answers import ANSWERED_COLUMNS
from attribution_assets.ihc_service.model import Touchpoints

DAYS_OF_CHANNELS = 28


def channels_by_visits(source: SourceDatabase) -> list[str]:
    """The channels of the latest days with data, the most frequent first.

    Raises:
        DatabaseError: the source cannot be read.
    """
    within = source.days_with_data()
    if within is None:
        return []
    first = max(within[0], within[1] - dt.timedelta(days=DAYS_OF_CHANNELS - 1))
    visits = Counter[str]()
    for extracted in source.sessions(days_between(first, within[1])):
        visits.update(extracted.frame["channel_name"].astype(str).tolist())
    return sorted(visits, key=lambda name: (-visits[name], name))


def as_journeys(touchpoints: Touchpoints, at: dt.date) -> pd.DataFrame:
    """Touchpoints as the table `journeys`, with ids and times of a day, so that another day's probe asks anew.

    Args:
        touchpoints: of the probe; second 0 is noon of the day.
        at: the day.
    """
    journey = np.repeat(
        np.arange(len(touchpoints.journey_start)), np.diff(touchpoints.journey_start, append=len(touchpoints.seconds))
    )
    last = np.append(np.diff(journey) != 0, True)
    noon = pd.Timestamp(at) + pd.Timedelta(hours=12)
    return pd.DataFrame(
        {
            "conv_id": [f"probe-{at}-{number}" for number in journey],
            "conversion_time": noon + pd.Timedelta(seconds=1),
            "session_id": [f"probe-{at}-session-{number}" for number in range(len(journey))],
            "session_time": noon + pd.to_timedelta(touchpoints.seconds, unit="s"),
            "channel_name": [touchpoints.channels[number] for number in touchpoints.channel],
            "holder_engagement": touchpoints.holder_engagement.astype("int64"),
            "closer_engagement": touchpoints.closer_engagement.astype("int64"),
            "impression_interaction": 0,
            "conversion": last.astype("int64"),
        }
    )


def answered_probe(journeys: pd.DataFrame, attributed: pd.DataFrame) -> pd.DataFrame:
    """What the API answered of a probe, as `stored_answers.stored_touchpoints` has it; only what was answered whole.

    Args:
        journeys: as they were asked for.
        attributed: `Attribution.touchpoints`, of the same rows.
    """
    usable = (attributed["outcome"] == ATTRIBUTED) & attributed["reason"].isna()
    whole = usable.groupby(attributed["conv_id"]).transform("all").to_numpy()
    credit = {name: attributed[name].to_numpy() for name in CREDIT_COLUMNS}
    return journeys.assign(**credit).loc[whole, ANSWERED_COLUMNS]
