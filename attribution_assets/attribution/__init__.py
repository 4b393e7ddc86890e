"""The work itself: reading the source, building journeys, asking the IHC API, reporting. It knows no Dagster."""
