"""What each marketing channel cost and earned, as a Dagster code location.

    sessions ──────────┬──> journeys ──> ihc_attributions ──┐
    conversions ───────┘                                    ├──> channel_reporting ──> channel_reporting_csv
    sessions, conversions ──────────────────────────────────┘

Every asset is partitioned by day. `assets.py` holds the graph; `partitions.py` the two windows that tie its days
together; `attribution/` the work itself, which knows nothing of Dagster; `resources.py` every setting; `cli.py` the
command; `ihc_service/` the embedded IHC service.
"""
