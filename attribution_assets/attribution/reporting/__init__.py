"""Customer journeys, the channel report and its file."""
