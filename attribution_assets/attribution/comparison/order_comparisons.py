"""All tables of comparisons of one day's orders together: their journeys are read once.

What a table holds is said in its own module.
"""

from collections.abc import Collection

import pandas as pd

from attribution_assets.attribution.comparison.attributed_journeys import attributed_journeys
from attribution_assets.attribution.comparison.channel_roles import roles_of
from attribution_assets.attribution.comparison.conversion_paths import paths_of
from attribution_assets.attribution.comparison.model_comparison import models_of


def order_comparisons(
    attributions: pd.DataFrame, conversions: pd.DataFrame, direct_channels: Collection[str]
) -> dict[str, pd.DataFrame]:
    """The tables `model_comparison`, `conversion_paths` and `channel_roles` of one day, by name.

    Arguments and errors as for `model_comparison.model_comparison`.
    """
    journeys = attributed_journeys(attributions, conversions)
    return {
        "model_comparison": models_of(journeys, direct_channels),
        "conversion_paths": paths_of(journeys),
        "channel_roles": roles_of(journeys),
    }
