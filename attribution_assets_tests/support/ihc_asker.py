"""A process that has journeys attributed: `ihc_asker DATABASE_URL ENDPOINT_URL CONV_IDS...`, a batch for each word.

A word is conv_ids with commas between; each journey has two touchpoints, and a request of its own. Prints the number of
requests and of journeys that the ledger answered.
"""

import sys

from attribution_assets.attribution.ihc_api.account import IhcApi
from attribution_assets.attribution.ihc_api.client import IhcClient
from attribution_assets.attribution.ledger.ledger import Ledger
from attribution_assets_tests.support.ihc_endpoint import KEY
from attribution_assets_tests.support.ihc_journeys import journeys_of

if __name__ == "__main__":
    _, database_url, endpoint_url, *batches = sys.argv
    api = IhcApi(endpoint_url, KEY, max_journeys_per_request=1, max_concurrent_requests=2)
    with IhcClient(api, Ledger(database_url)) as client:
        for conv_ids in batches:
            attribution = client.attribute(journeys_of(dict.fromkeys(conv_ids.split(","), 2)))
            if set(attribution.touchpoints["outcome"]) != {"attributed"}:
                raise SystemExit("a journey was not attributed")
        sys.stdout.write(f"{client.requests} {client.reused}")
