"""What a step sent to the IHC API, as an event in Dagster's history: how it gets there, and how it is read from there.

It is an observation of `ihc_attributions` that belongs to no day, one for each step, whether the step succeeded or not:
it stands for all days of its run. A process that is killed leaves none; what the API answered it is in the ledger.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import dagster as dg

from attribution_assets.attribution.ihc_api.client import IhcClient
from attribution_assets.attribution.ihc_api.traffic import Traffic

_TRAFFIC = "api_traffic"


@contextmanager
def observed_client(context: dg.AssetExecutionContext, client: IhcClient) -> Iterator[IhcClient]:
    """The client, open; when it has been closed, for whatever reason, what it sent is in the run's history.

    Args:
        context: Of the step.
        client: Not open yet.
    """
    try:
        with client:
            yield client
    finally:
        observation = dg.AssetObservation(
            context.asset_key, metadata={_TRAFFIC: dg.MetadataValue.json(asdict(client.traffic))}
        )
        context.log_event(observation)


def traffic_in(observation: dg.AssetObservation) -> Traffic:
    """What an observation says was sent; nothing if it is about something else."""
    found: Any = observation.metadata.get(_TRAFFIC)
    return Traffic(**found.value) if found else Traffic()
