"""What is expected of stored days that have not been attributed, and of no others."""

from pathlib import Path

import pandas as pd
import pytest

from attribution_assets.attribution.ihc_api.order_types import OrderTypes
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.training.answered_days import TypesInUse
from attribution_assets.attribution.training.preview import expected_credit, preview
from attribution_assets_tests.support.answered_journeys import answered_by, made_up_parameters
from attribution_assets_tests.support.trained_types import touchpoints, trained

NO_TYPES = pd.DataFrame({"conv_id": [], "conversion_type": []})


def in_use(*names: str, mapped: dict[str, str] | None = None) -> TypesInUse:
    types = OrderTypes("new", mapped or {})
    return TypesInUse(types, {name: trained(name, number=1) for name in names}, str)


def test_what_is_expected_is_the_models_credit_with_the_orders_revenue() -> None:
    answered = answered_by(made_up_parameters(1), 30)
    frame = touchpoints(answered)
    revenue = pd.Series(10.0, index=frame["conv_id"].unique())
    found = expected_credit([(frame, NO_TYPES)], in_use("new"), revenue)
    assert list(found["channel_name"]) == sorted(frame["channel_name"].unique())
    by_channel = frame.groupby("channel_name")["ihc"].sum()
    assert found["orders"].tolist() == pytest.approx(by_channel.tolist(), abs=1e-9)
    assert found["revenue"].sum() == pytest.approx(300.0)


def test_orders_of_a_type_that_is_not_trained_are_left_out() -> None:
    frame = touchpoints(answered_by(made_up_parameters(1), 4))
    named = pd.DataFrame({"conv_id": ["0", "1", "2"], "conversion_type": "first"})
    revenue = pd.Series(10.0, index=frame["conv_id"].unique())
    found = expected_credit([(frame, named)], in_use("new", mapped={"first": "other"}), revenue)
    assert found["orders"].sum() == pytest.approx(1.0)
    assert len(expected_credit([(frame, NO_TYPES)], in_use("other"), revenue)) == 0


def test_orders_of_a_type_that_is_not_mapped_are_left_out() -> None:
    frame = touchpoints(answered_by(made_up_parameters(1), 4))
    named = pd.DataFrame({"conv_id": ["0", "1", "2"], "conversion_type": "first"})
    revenue = pd.Series(10.0, index=frame["conv_id"].unique())
    assert expected_credit([(frame, named)], in_use("new"), revenue)["orders"].sum() == pytest.approx(1.0)


def test_without_days_that_wait_there_is_no_preview(tmp_path: Path) -> None:
    assert preview(AssetStorage(str(tmp_path)), in_use("new")) is None
