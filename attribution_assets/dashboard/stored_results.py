"""A cache of results read from the stored days; it is emptied as soon as a run has changed a stored day.

The functions that read and compute the results are in `attribution/results/`: `channel_results.py`, `order_results.py`.
"""

import datetime as dt
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

import pandas as pd

from attribution_assets.attribution.results.narrowed import NarrowedStorage, Narrowing
from attribution_assets.attribution.results.result_days import report_written_at, reported_days, results_version
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.dashboard.reported_days import Reported

Answer = TypeVar("Answer")
Asked = ParamSpec("Asked")

MOST_ANSWERS = 256
MOST_NARROWED = 4


class StoredResults:
    """The stored days, with a cache of the `MOST_ANSWERS` results used last. For any number of threads.

    Args:
        storage: The stored days.
        data_ends: The last day of the calendar, for data that has ended.
        dimensions: The dimensions by which the report is broken down.
        knows_cost: Whether costs are known; else they are NaN in all results, and so is what follows from them.
    """

    def __init__(
        self,
        storage: AssetStorage,
        data_ends: dt.date | None = None,
        dimensions: Sequence[str] = (),
        *,
        knows_cost: bool = True,
    ) -> None:
        self._storage, self._data_ends, self.dimensions = storage, data_ends, tuple(dimensions)
        self._knows_cost = knows_cost
        self._version = ""
        self._answers: OrderedDict[object, Any] = OrderedDict()
        self._narrowed: OrderedDict[Hashable, StoredResults] = OrderedDict()
        self._lock = threading.Lock()

    def reported(self) -> Reported | None:
        """The days with a stored report as of now; None without any. Empties the cache if a stored day has changed.

        Call it once per request, before `ask`.
        """
        version = results_version(self._storage)
        with self._lock:
            if version != self._version:
                self._version, self._answers, self._narrowed = version, OrderedDict(), OrderedDict()
        days = self.ask(reported_days)
        if not days:
            return None
        return Reported(days[0], days[-1], frozenset(days), self._data_ends, self.ask(report_written_at, days[-1]))

    def narrowed(self, narrowing: Narrowing, lookback_days: int, direct_channels: Collection[str]) -> "StoredResults":
        """The same days narrowed, see `NarrowedStorage`; the `MOST_NARROWED` used last are kept. Itself for all of it.

        Nothing says which orders a cost was for: where not all count, costs are NaN.
        """
        if narrowing == Narrowing():
            return self
        key = tuple(sorted(narrowing.orders.items())), tuple(sorted(narrowing.groups.items()))
        with self._lock:
            if key not in self._narrowed:
                storage = NarrowedStorage(self._storage, narrowing, lookback_days, direct_channels)
                knows_cost = not narrowing.orders
                self._narrowed[key] = StoredResults(storage, self._data_ends, self.dimensions, knows_cost=knows_cost)
            self._narrowed.move_to_end(key)
            while len(self._narrowed) > MOST_NARROWED:
                self._narrowed.popitem(last=False)
            return self._narrowed[key]

    def ask(
        self,
        question: Callable[Concatenate[AssetStorage, Asked], Answer],
        *arguments: Asked.args,
        **more: Asked.kwargs,
    ) -> Answer:
        """The result of `question(storage, *arguments, **more)`, cached. Callers share it and must not change it."""
        asked = (question, arguments, tuple(sorted(more.items())))
        with self._lock:
            answers = self._answers
            if asked in answers:
                answers.move_to_end(asked)
                known: Answer = answers[asked]
                return known
        answer = question(self._storage, *arguments, **more)
        if isinstance(answer, pd.DataFrame) and not self._knows_cost:
            unknown = [name for name in answer if name == "cost" or str(name).startswith("roas_")]
            answer = answer.assign(**dict.fromkeys(map(str, unknown), float("nan")))
        with self._lock:
            answers[asked] = answer  # if the cache was emptied meanwhile, this is the discarded one
            if len(answers) > MOST_ANSWERS:
                answers.popitem(last=False)
        return answer
