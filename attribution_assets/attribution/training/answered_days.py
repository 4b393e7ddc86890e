"""Stored days beside trained conversion types: what the API answered of a day's journeys, by the type that split them.

What follows from comparing the two is in `drift.py` and `channel_shares.py`.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from attribution_assets.attribution.ihc_api.order_types import CONV_TYPE_ID, OrderTypes
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.training.stored_answers import answered_touchpoints
from attribution_assets.ihc_service.training.trained_type import TrainedType


@dataclass(frozen=True)
class TypesInUse:
    """The conversion types that orders can have, as far as they are trained.

    Attributes:
        types: which conversion type splits which order.
        trained: those that are trained, by name.
        settings_of: what `Stamp.settings` says of a day that is attributed with the present settings, by the values of
            `conversions.conversion_type` on the day.
    """

    types: OrderTypes
    trained: Mapping[str, TrainedType]
    settings_of: Callable[[Sequence[str]], str]

    def by_type(self, touchpoints: pd.DataFrame, named: pd.DataFrame) -> Iterator[tuple[TrainedType, pd.DataFrame]]:
        """Each trained type with the touchpoints of the orders that it splits, if there are any.

        Orders of a type that is not mapped are in none: a run refuses them, and says what to do.

        Args:
            touchpoints: of a day, with conv_id.
            named: the table `order_types` of the day.
        """
        unmapped = named["conversion_type"].isin(self.types.unmapped(named["conversion_type"]))
        touchpoints = touchpoints[~touchpoints["conv_id"].isin(named.loc[unmapped, "conv_id"])]
        split_by = self.types.with_types(touchpoints[["conv_id"]], named[~unmapped])[CONV_TYPE_ID]
        for name, trained in self.trained.items():
            if len(of_type := touchpoints[split_by == name]):
                yield trained, of_type


class AnsweredDays:
    """The stored days that were attributed with the present settings, by the API.

    Args:
        storage: where the assets' tables lie.
        in_use: the conversion types.
    """

    def __init__(self, storage: AssetStorage, in_use: TypesInUse) -> None:
        self._attributions, self._journeys = storage.all_days("ihc_attributions"), storage.all_days("journeys")
        self._named, self._in_use = storage.all_days("order_types"), in_use

    def before(self, day: dt.date) -> list[dt.date]:
        """The attributed days before a day, in calendar order."""
        return [other for other in self._attributions.files if other < day]

    def answers(self, day: dt.date) -> list[tuple[TrainedType, pd.DataFrame]]:
        """What the API answered of a day's journeys, by trained type; nothing if it was asked with other settings.

        Returns:
            Touchpoints as `stored_answers.answered_touchpoints` gives them.
        """
        if not self._in_use.trained or day not in self._attributions.files or day not in self._journeys.files:
            return []
        stamp = self._attributions.stamp(day)
        if stamp.settings != self._in_use.settings_of(stamp.conversion_types):
            return []
        answered = answered_touchpoints(self._attributions.frame(day), self._journeys.frame(day))
        return [*self._in_use.by_type(answered, self._named.frame(day))]
