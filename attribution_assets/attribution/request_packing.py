"""Which journeys share a request to the IHC API, so that as few requests as possible hold them all.

Here belongs the choice alone, made from the journeys' lengths and the account's two limits. What a request looks like
and how it is sent is in `ihc_api.py`.
"""

from collections.abc import Sequence
from heapq import heapify, heappop, heappush


def fewest_requests(sizes: Sequence[int], max_sessions: int, max_journeys: int) -> int:
    """Number of requests below which no packing can go: the larger of what either limit alone would need."""
    return max(-(-sum(sizes) // max_sessions), -(-len(sizes) // max_journeys))


def pack(sizes: Sequence[int], max_sessions: int, max_journeys: int) -> list[list[int]]:
    """Share out whole journeys over requests.

    Starting with `fewest_requests`, the longest journey first, each goes to the request that so far has the fewest
    sessions beyond the first ones of its journeys: the LPT rule (Graham, "Bounds on Multiprocessing Timing Anomalies",
    1969) applied to that excess. An even excess leaves the most room under both limits together for the one-session
    journeys that come last. Filling one request after another would instead exhaust the session limit of some with long
    journeys, and the journey limit of others with short ones. Where a journey does not fit, one more request is opened.

    Args:
        sizes: number of sessions of each journey, each from 1 to `max_sessions`.
        max_sessions: most sessions in one request.
        max_journeys: most journeys in one request.

    Returns:
        One list for each request with the positions of its journeys in `sizes`, in ascending order; every position is
        in exactly one list. The same input always gives the same output. Takes O(n log n).

    Raises:
        ValueError: a limit is below 1, or a journey has no session or more than `max_sessions`.
    """
    if max_sessions < 1 or max_journeys < 1:
        raise ValueError(f"limits must be at least 1, not {max_sessions} sessions and {max_journeys} journeys")
    if sizes and not 1 <= min(sizes) <= max(sizes) <= max_sessions:
        raise ValueError(f"journeys must have 1 to {max_sessions} sessions, not {min(sizes)} to {max(sizes)}")

    requests: list[list[int]] = [[] for _ in range(fewest_requests(sizes, max_sessions, max_journeys))]
    with_room = [(0, 0, number) for number in range(len(requests))]  # (excess, sessions, request)
    heapify(with_room)
    for journey in sorted(range(len(sizes)), key=lambda position: -sizes[position]):
        if with_room and with_room[0][1] + sizes[journey] <= max_sessions:
            _, sessions, number = heappop(with_room)
        else:
            sessions, number = 0, len(requests)
            requests.append([])
        requests[number].append(journey)
        sessions += sizes[journey]
        journeys = len(requests[number])
        if sessions < max_sessions and journeys < max_journeys:
            heappush(with_room, (sessions - journeys, sessions, number))
    return [sorted(request) for request in requests if request]
