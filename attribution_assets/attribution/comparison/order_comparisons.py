"""Computes a comparison of a day's attributed orders by the name of its asset.

The computations are in `model_comparison.py`, `conversion_paths.py` and `channel_roles.py`; the list of the assets'
names is `lineage.ORDER_COMPARISONS`.
"""

import pandas as pd

from attribution_assets.attribution.comparison.channel_roles import channel_roles
from attribution_assets.attribution.comparison.conversion_paths import conversion_paths
from attribution_assets.attribution.comparison.model_comparison import model_comparison
from attribution_assets.attribution.freshness.lineage import Windows


def order_comparison(
    asset: str, attributions: pd.DataFrame, conversions: pd.DataFrame, windows: Windows
) -> pd.DataFrame:
    """Compute the table of one day and one asset of `lineage.ORDER_COMPARISONS`.

    Args:
        asset: Name of the asset.
        attributions: The day's `ihc_attributions`.
        conversions: The day's `conversions`.
        windows: Gives the direct channels, for `model_comparison`.

    Raises:
        ValueError: See `attributed_journeys`.
    """
    if asset == "model_comparison":
        return model_comparison(attributions, conversions, windows.direct_channels)
    made_of = {"conversion_paths": conversion_paths, "channel_roles": channel_roles}
    return made_of[asset](attributions, conversions)
