"""Connections to one SQL database, and the tables that this project makes in it."""
