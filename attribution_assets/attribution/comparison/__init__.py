"""Other attribution models over the same journeys, conversion paths, and the channels' roles."""
