"""The HTTP API: data sets, their rows, operations and results, for programs. Its schema is in `openapi.json`.

Nothing here computes: it takes what programs send, and calls what the command calls.
"""
