"""All tables of comparisons of one day's orders together: their journeys are read once.

What a table holds is said in its own module.
"""

from collections.abc import Collection

import pandas as pd

from attribution_assets.attribution.comparison.attributed_journeys import attributed_journeys
from attribution_assets.attribution.comparison.channel_roles import channel_roles
from attribution_assets.attribution.comparison.conversion_paths import conversion_paths
from attribution_assets.attribution.comparison.model_comparison import model_comparison


def order_comparisons(
    attributions: pd.DataFrame, conversions: pd.DataFrame, direct_channels: Collection[str]
) -> dict[str, pd.DataFrame]:
    """The tables `model_comparison`, `conversion_paths` and `channel_roles` of one day, by name.

    Args:
        attributions: The day's `ihc_attributions`.
        conversions: The day's `conversions`; an order that is not in it does not count.
        direct_channels: See `model_comparison.model_comparison`.

    Raises:
        ValueError: See `attributed_journeys`.
    """
    journeys = attributed_journeys(attributions, conversions)
    return {
        "model_comparison": model_comparison(journeys, direct_channels),
        "conversion_paths": conversion_paths(journeys),
        "channel_roles": channel_roles(journeys),
    }
