"""The tables that are made of a day's attributed orders, by the names of their assets."""

import pandas as pd

from attribution_assets.attribution.calendar.windows import Windows
from attribution_assets.attribution.comparison.channel_roles import channel_roles
from attribution_assets.attribution.comparison.conversion_paths import conversion_paths
from attribution_assets.attribution.comparison.model_comparison import model_comparison


def order_comparison(
    asset: str, attributions: pd.DataFrame, conversions: pd.DataFrame, windows: Windows
) -> pd.DataFrame:
    """One of `lineage.ORDER_COMPARISONS`, made of the day's `ihc_attributions` and `conversions`."""
    if asset == "model_comparison":
        return model_comparison(attributions, conversions, windows.direct_channels)
    made_of = {"conversion_paths": conversion_paths, "channel_roles": channel_roles}
    return made_of[asset](attributions, conversions)
