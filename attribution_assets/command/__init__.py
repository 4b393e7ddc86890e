"""What a person types: the command `attribution-assets`, what it runs, and what it prints."""
