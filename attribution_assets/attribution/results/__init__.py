"""What the stored days say over a range: by channel, and by order."""
