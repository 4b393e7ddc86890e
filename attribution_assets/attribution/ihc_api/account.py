"""Where and how the IHC API is called: the settings of an account and of its client, and which of them are possible.

Nothing is called here; where the settings come from is the caller's affair.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

MOST_ANSWER_SECONDS = 3600
"""Longest that an exchange may take: a connection on which nothing comes is noticed within an hour."""
GIVE_UP_AFTER_SECONDS = 300
"""No try of a request starts later after its first, unless one exchange may take longer than a fifth of this."""


def is_on_loopback(url: str) -> bool:
    """Whether the host of a URL is this machine, reached without a network."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class IhcApi:
    """Where and how the IHC API is called.

    Attributes:
        url: full address of `compute_ihc`.
        api_key: the account's key; not in the repr.
        conv_type_id: conversion type.
        max_journeys_per_request: limit of the account.
        max_sessions_per_request: limit of the account; longer journeys are not sent.
        max_concurrent_requests: requests under way at once.
        redistribution_parameter: sent as it is; None leaves it out.
        connect_timeout_seconds: longest wait for a connection.
        answer_seconds: how long one exchange may take in all, from the look-up of the API's name to the last byte of
            the answer; a fifth of `give_up_after_seconds`, so that connections on which nothing comes do not use up
            the time for all other tries.
        max_tries: how often one request is sent at most. Where a third of all tries fail at random, one request in
            14 million fails 15 times.
        give_up_after_seconds: no try of a request starts later than this after its first.
        first_backoff_seconds: longest wait before the second try; it doubles with each further one.
        max_backoff_seconds: where the doubling ends.
        max_retry_after_seconds: longest wait that a `Retry-After` of the API is granted.
        max_answers_per_journey: how often a journey is sent whose rows are missing from otherwise good answers.
        max_requests_per_run: how many requests one client makes at most, each try counted; None for any number.

    Raises:
        ValueError: the URL or the key is not one, a limit is below 1, or there is no time to answer.
    """

    url: str
    api_key: str = field(repr=False)
    conv_type_id: str = "default"
    max_journeys_per_request: int = 100
    max_sessions_per_request: int = 200
    max_concurrent_requests: int = 4
    redistribution_parameter: Mapping[str, Any] | None = None
    connect_timeout_seconds: float = 10
    answer_seconds: float = 60
    max_tries: int = 15
    give_up_after_seconds: float = GIVE_UP_AFTER_SECONDS
    first_backoff_seconds: float = 0.5
    max_backoff_seconds: float = 15
    max_retry_after_seconds: float = 60
    max_answers_per_journey: int = 5
    max_requests_per_run: int | None = None

    def __post_init__(self) -> None:
        """Refuse here what could only fail later, and would show the key when it does."""
        import requests  # noqa: PLC0415  # 0.1 s that settings alone do not need

        address = urlsplit(self.url)
        if address.scheme not in ("http", "https") or not address.hostname or address.username is not None:
            raise ValueError("the URL of the IHC API must be http(s)://host/path, without user and password")
        try:
            _ = address.port, address.hostname.encode("idna"), requests.Request("POST", self.url).prepare()
        except (ValueError, requests.RequestException):
            raise ValueError("the URL of the IHC API has a host or a port that cannot be one") from None
        if not (self.api_key.isascii() and self.api_key.isprintable() and self.api_key.split() == [self.api_key]):
            raise ValueError("the key of the IHC API is empty, or holds blanks or other characters that no key has")
        account = (self.max_journeys_per_request, self.max_sessions_per_request, self.max_concurrent_requests)
        budget = 1 if self.max_requests_per_run is None else self.max_requests_per_run
        if min(*account, self.max_tries, self.max_answers_per_journey, budget) < 1:
            raise ValueError("the limits of the IHC API must be at least 1")
        if not 0 < self.answer_seconds <= MOST_ANSWER_SECONDS:
            raise ValueError(f"the IHC API must have more than 0 and at most {MOST_ANSWER_SECONDS} s to answer")
