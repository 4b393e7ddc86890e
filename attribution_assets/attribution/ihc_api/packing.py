"""Which journeys share a request to the IHC API, so that as few requests as possible hold them all.

Here belongs the choice alone, made from the journeys' lengths and the account's two limits. What a request looks like
and how it is sent is in `client.py`.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from heapq import heapify, heappop, heappush


def fewest_requests(sizes: Sequence[int], max_sessions: int, max_journeys: int) -> int:
    """Number of requests below which no packing can go.

    The largest of what either limit alone would need, and of the number of journeys of which no two fit together.
    """
    alone = sum(2 * size > max_sessions for size in sizes)
    return max(-(-sum(sizes) // max_sessions), -(-len(sizes) // max_journeys), alone)


def pack(sizes: Sequence[int], max_sessions: int, max_journeys: int) -> list[list[int]]:
    """Share out whole journeys over requests.

    Packed in two ways, of which the one with fewer requests counts: `_evened_out` reaches `fewest_requests` wherever
    short journeys are many, `_best_fit` needs fewer where few journeys fit into a request.

    Args:
        sizes: number of sessions of each journey, each from 1 to `max_sessions`.
        max_sessions: most sessions in one request.
        max_journeys: most journeys in one request.

    Returns:
        One list for each request with the positions of its journeys in `sizes`, in ascending order; every position is
        in exactly one list. The same input always gives the same output.

    Raises:
        ValueError: a limit is below 1, or a journey has no session or more than `max_sessions`.
    """
    if max_sessions < 1 or max_journeys < 1:
        raise ValueError(f"limits must be at least 1, not {max_sessions} sessions and {max_journeys} journeys")
    if sizes and not 1 <= min(sizes) <= max(sizes) <= max_sessions:
        raise ValueError(f"journeys must have 1 to {max_sessions} sessions, not {min(sizes)} to {max(sizes)}")

    longest_first = sorted(range(len(sizes)), key=lambda position: -sizes[position])
    fewest = fewest_requests(sizes, max_sessions, max_journeys)
    requests = _evened_out(sizes, longest_first, fewest, max_sessions, max_journeys)
    if len(requests) > fewest:
        requests = min(requests, _best_fit(sizes, longest_first, max_sessions, max_journeys), key=len)
    return [sorted(request) for request in requests]


def _evened_out(
    sizes: Sequence[int], longest_first: Sequence[int], fewest: int, max_sessions: int, max_journeys: int
) -> list[list[int]]:
    """Start with the fewest requests, and open one more where a journey does not fit.

    Each journey goes to the request that so far has the fewest sessions beyond the first ones of its journeys: the LPT
    rule (Graham, "Bounds on Multiprocessing Timing Anomalies", 1969) applied to that excess. An even excess leaves the
    most room under both limits together for the one-session journeys that come last. Filling one request after another
    would instead exhaust the session limit of some with long journeys, and the journey limit of others with short ones.
    """
    requests: list[list[int]] = [[] for _ in range(fewest)]
    with_room = [(0, 0, number) for number in range(len(requests))]  # (excess, sessions, request)
    heapify(with_room)
    for journey in longest_first:
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
    return [request for request in requests if request]


def _best_fit(
    sizes: Sequence[int], longest_first: Sequence[int], max_sessions: int, max_journeys: int
) -> list[list[int]]:
    """Each journey goes to the fullest request that still has room for it (best fit decreasing, Johnson, 1973)."""
    requests: list[list[int]] = []
    with_room: list[tuple[int, int]] = []  # (room, request), sorted
    for journey in longest_first:
        place = bisect_left(with_room, (sizes[journey], 0))
        if place < len(with_room):
            room, number = with_room.pop(place)
        else:
            room, number = max_sessions, len(requests)
            requests.append([])
        requests[number].append(journey)
        room -= sizes[journey]
        if room and len(requests[number]) < max_journeys:
            insort(with_room, (room, number))
    return requests
