"""Ports for servers that tests start: below those that the system gives to clients, which could take one meanwhile."""

import os
from contextlib import closing, suppress
from itertools import count
from socket import socket

_LOWEST, _OF_A_WORKER = 20_000, 500
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_NUMBERS = count(os.getpid())  # another test run beside this one begins elsewhere


def free_port() -> int:
    """A port of loopback that nobody listens on, another one each time."""
    while True:
        port = _LOWEST + _OF_A_WORKER * _WORKER + next(_NUMBERS) % _OF_A_WORKER
        with closing(socket()) as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port
