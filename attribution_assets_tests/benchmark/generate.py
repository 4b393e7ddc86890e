"""Makes shops of any size: visitors with 1 to 60 sessions, ids of 64 characters, 12 channels.

As a source database, or straight as the stored tables of `sessions` and `conversions`, where a database of that size
would take longer to fill than everything that is measured.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import DayTable
from attribution_assets_tests.support.databases import create_source_tables, insert

FIRST_DAY = dt.date(2024, 1, 1)
CHANNELS = np.array([f"Channel {number}" for number in range(12)], dtype=object)
SECONDS_PER_DAY = 86_400
MOST_SESSIONS_OF_A_VISITOR = 60

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Size:
    """How large a shop is; its visitors' sessions lie anywhere in its days, its orders up to ten minutes after one."""

    sessions: int
    orders: int
    days: int
    seed: int = 7

    @property
    def last_day(self) -> dt.date:
        """The last day with sessions and orders."""
        return FIRST_DAY + dt.timedelta(days=self.days - 1)


@dataclass(frozen=True)
class Shop:
    """A shop.

    Attributes:
        visitor: number of the visitor of each session, by time of the session.
        second: seconds from the first day on of each session, ascending.
        order_session: the session that each order follows, ascending.
        order_second: seconds from the first day on of each order, ascending.
        size: as it was asked for.
    """

    visitor: Numbers
    second: Numbers
    order_session: Numbers
    order_second: Numbers
    size: Size

    def sessions(self) -> Iterator[tuple[dt.date, pd.DataFrame]]:
        """The table `sessions` of each day."""
        ends = np.searchsorted(self.second, SECONDS_PER_DAY * np.arange(self.size.days + 1))
        random = np.random.default_rng(self.size.seed + 1)
        for number, day in enumerate(days_between(FIRST_DAY, self.size.last_day)):
            rows = np.arange(ends[number], ends[number + 1])
            flags = random.integers(0, 2, (3, len(rows)))
            yield (
                day,
                pd.DataFrame(
                    {
                        "session_id": ids(rows, "session"),
                        "user_id": ids(self.visitor[rows], "visitor"),
                        "session_time": times(self.second[rows]),
                        "channel_name": CHANNELS[random.integers(0, len(CHANNELS), len(rows))],
                        "holder_engagement": flags[0],
                        "closer_engagement": flags[1],
                        "impression_interaction": flags[2],
                        "cost": np.round(random.exponential(1.0, len(rows)), 3),
                    }
                ).sort_values(["session_time", "session_id"], ignore_index=True),
            )

    def conversions(self) -> Iterator[tuple[dt.date, pd.DataFrame]]:
        """The table `conversions` of each day."""
        ends = np.searchsorted(self.order_second, SECONDS_PER_DAY * np.arange(self.size.days + 1))
        random = np.random.default_rng(self.size.seed + 2)
        for number, day in enumerate(days_between(FIRST_DAY, self.size.last_day)):
            rows = slice(ends[number], ends[number + 1])
            sessions = self.order_session[rows]
            yield (
                day,
                pd.DataFrame(
                    {
                        "conv_id": ids(sessions, "order"),
                        "user_id": ids(self.visitor[sessions], "visitor"),
                        "conversion_time": times(self.order_second[rows]),
                        "revenue": np.round(random.lognormal(3.5, 0.8, len(sessions)), 2),
                    }
                ).sort_values(["conversion_time", "conv_id"], ignore_index=True),
            )


def make_shop(size: Size) -> Shop:
    """A shop of some size; the same each time."""
    random = np.random.default_rng(size.seed)
    per_visitor = np.minimum(random.pareto(1.2, size.sessions).astype(np.int64) + 1, MOST_SESSIONS_OF_A_VISITOR)
    visitor = random.permutation(np.repeat(np.arange(size.sessions), per_visitor)[: size.sessions])
    end = size.days * SECONDS_PER_DAY
    second = np.sort(random.integers(0, end, size.sessions))
    order_session = random.choice(size.sessions, size.orders, replace=False)
    order_second = np.minimum(second[order_session] + random.integers(1, 600, size.orders), end - 1)
    order = np.argsort(order_second)
    return Shop(visitor, second, order_session[order], order_second[order], size)


def make_database(path: Path, size: Size) -> None:
    """The source database of a shop, in SQLite."""
    path.touch()
    url = f"sqlite:///{path}"
    create_source_tables(url)
    shop = make_shop(size)
    flags = ["holder_engagement", "closer_engagement", "impression_interaction"]
    for _, frame in shop.sessions():
        columns = frame["session_id"], frame["user_id"], *dates_and_times(frame["session_time"]), frame["channel_name"]
        rows = zip(*(column.tolist() for column in columns), *(frame[flag].tolist() for flag in flags), strict=True)
        insert(url, "session_sources", list(rows))
        insert(url, "session_costs", list(zip(frame["session_id"].tolist(), frame["cost"].tolist(), strict=True)))
    for _, frame in shop.conversions():
        columns = frame["conv_id"], frame["user_id"], *dates_and_times(frame["conversion_time"]), frame["revenue"]
        insert(url, "conversions", list(zip(*(column.tolist() for column in columns), strict=True)))


def store(root: str, size: Size) -> None:
    """The tables `sessions` and `conversions` of a shop, as if they had been read from its database."""
    storage, shop = AssetStorage(root), make_shop(size)
    for asset, days in (("sessions", shop.sessions()), ("conversions", shop.conversions())):
        for day, frame in days:
            storage.write(asset, DayTable(day, frame, {"source": "generated"}))


def ids(numbers: Numbers, of: str) -> npt.NDArray[np.object_]:
    """Hexadecimal ids of 64 characters, the same for the same number and kind of thing."""
    salt = np.uint64(int.from_bytes(of.encode()[:8], "big"))
    words = numbers.astype(np.uint64)[:, None] * np.uint64(4) + np.arange(4, dtype=np.uint64) + salt
    # SplitMix64: another word for each number, without a pattern (Steele, Lea, Flood, 2014)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    words ^= words >> np.uint64(31)
    written = words.astype(">u8").tobytes().hex()
    return np.array([written[start : start + 64] for start in range(0, len(written), 64)], dtype=object)


def times(seconds: Numbers) -> npt.NDArray[np.datetime64]:
    """Seconds from the first day on as times."""
    return np.datetime64(FIRST_DAY, "us") + seconds.astype("timedelta64[s]")


def dates_and_times(column: "pd.Series[pd.Timestamp]") -> tuple["pd.Series[str]", "pd.Series[str]"]:
    """A column of times as the source tables have it: dates, and times of day."""
    return column.dt.strftime("%Y-%m-%d"), column.dt.strftime("%H:%M:%S")
