"""What the page reads of the stored days: each question once, until a run has written something.

The questions themselves are in `attribution/channel_results.py` and `attribution/order_results.py`.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from attribution_assets.attribution.results.channel_results import reported_days, results_version
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.dashboard.choices import Reported

Answer = TypeVar("Answer")
Asked = ParamSpec("Asked")

MOST_ANSWERS = 256


class StoredResults:
    """The stored days, and the latest answers about them.

    Args:
        storage: The stored days.
    """

    def __init__(self, storage: AssetStorage) -> None:
        self._storage = storage
        self._version = ""
        self._answers: OrderedDict[object, Any] = OrderedDict()
        self._lock = threading.Lock()

    def reported(self) -> Reported | None:
        """The days that there are reports of, as they are now; what has been replaced since is read anew.

        To be asked for once a page, before all else.
        """
        version = results_version(self._storage)
        with self._lock:
            if version != self._version:
                self._version, self._answers = version, OrderedDict()
        days = self.ask(reported_days)
        return Reported(days[0], days[-1], frozenset(days)) if days else None

    def ask(
        self,
        question: Callable[Concatenate[AssetStorage, Asked], Answer],
        *arguments: Asked.args,
        **more: Asked.kwargs,
    ) -> Answer:
        """The answer of a function of the storage. It is shared: whoever gets it must not change it."""
        asked = (question, arguments, tuple(sorted(more.items())))
        with self._lock:
            answers = self._answers
            if asked in answers:
                answers.move_to_end(asked)
                known: Answer = answers[asked]
                return known
        answer = question(self._storage, *arguments, **more)
        with self._lock:
            answers[asked] = answer  # if days were replaced meanwhile, into old answers that nobody gets any more
            if len(answers) > MOST_ANSWERS:
                answers.popitem(last=False)
        return answer
