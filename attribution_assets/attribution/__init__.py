"""The work itself: reading the source, building journeys, asking the IHC API, reporting. Nothing here knows of Dagster."""
