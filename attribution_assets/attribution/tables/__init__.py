"""What the tables look like, and the words that they share."""
