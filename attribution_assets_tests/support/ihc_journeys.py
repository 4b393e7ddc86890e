"""Journeys for the tests of the IHC API's client, and a client that does not make them wait."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from attribution_assets.attribution.ihc_api.account import IhcApi
from attribution_assets.attribution.ihc_api.client import Attribution, IhcClient
from attribution_assets.attribution.ledger.ledger import Ledger
from attribution_assets_tests.support.ihc_endpoint import KEY, IhcEndpoint


def journeys_of(sizes: dict[str, int]) -> pd.DataFrame:
    """Journeys by their numbers of touchpoints, an hour apart; session ids are `<conv_id>-1`, `-2` and so on."""
    rows = [(conv_id, size, place) for conv_id, size in sizes.items() for place in range(1, size + 1)]
    start = pd.Timestamp("2024-02-28 00:00:00")
    text, number, moment = "object", "int64", "datetime64[us]"
    return pd.DataFrame(
        {
            "conv_id": pd.Series([conv_id for conv_id, _, _ in rows], dtype=text),
            "conversion_time": pd.Series([start + pd.Timedelta(hours=size + 1) for _, size, _ in rows], dtype=moment),
            "session_id": pd.Series([f"{conv_id}-{place}" for conv_id, _, place in rows], dtype=text),
            "session_time": pd.Series([start + pd.Timedelta(hours=place) for _, _, place in rows], dtype=moment),
            "channel_name": pd.Series([f"Größe, {place}" for _, _, place in rows], dtype=text),
            "holder_engagement": pd.Series([place % 2 for _, _, place in rows], dtype=number),
            "closer_engagement": pd.Series([int(place > 2) for _, _, place in rows], dtype=number),
            "impression_interaction": pd.Series([int(place == 1) for _, _, place in rows], dtype=number),
            "conversion": pd.Series([int(place == size) for _, size, place in rows], dtype=number),
        }
    )


def quick_api(endpoint: IhcEndpoint, **settings: Any) -> IhcApi:  # noqa: ANN401 - the settings are of many types
    """The endpoint with waits of milliseconds between tries, and any other settings."""
    quick = {"first_backoff_seconds": 0.001, "max_backoff_seconds": 0.01, "max_retry_after_seconds": 0.01}
    return IhcApi(endpoint.url, KEY, **quick | settings)


@contextmanager
def empty_ledger() -> Iterator[Ledger]:
    """A ledger that is thrown away."""
    with TemporaryDirectory() as folder:
        database = Path(folder) / "ledger.db"
        database.touch()
        yield Ledger(f"sqlite:///{database}")


def attribute(endpoint: IhcEndpoint, sizes: dict[str, int], **settings: Any) -> Attribution:  # noqa: ANN401 - as above
    """Attribute `journeys_of` by `quick_api`, with an empty ledger."""
    with empty_ledger() as ledger, IhcClient(quick_api(endpoint, **settings), ledger) as client:
        return client.attribute(journeys_of(sizes))


def credited(attribution: Attribution, conv_id: str) -> list[tuple[float, ...]]:
    """Initializer, holder, closer and ihc of a journey's touchpoints."""
    rows = attribution.touchpoints[attribution.touchpoints["conv_id"] == conv_id]
    return list(rows[["initializer", "holder", "closer", "ihc"]].itertuples(index=False, name=None))


def settled(attribution: Attribution) -> dict[str, tuple[str, str | None]]:
    """Outcome and reason of each touchpoint, by session id."""
    table = attribution.touchpoints
    return dict(zip(table["session_id"], zip(table["outcome"], table["reason"], strict=True), strict=True))
