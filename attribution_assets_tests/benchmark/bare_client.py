"""Sends requests of 200 touchpoints, a number of them at once, and does nothing with the answers; prints the seconds.

usage: bare_client.py URL KEY REQUESTS AT_ONCE
"""

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import requests

TOUCHPOINTS, PER_JOURNEY = 200, 10
THREAD = threading.local()


def main(url: str, key: str, number: str, at_once: str) -> None:
    """Send them all."""
    touchpoints = [
        {
            "conversion_id": f"order {row // PER_JOURNEY}",
            "session_id": f"session {row}".ljust(64, "x"),
            "timestamp": f"2024-01-01 00:{row // 60:02}:{row % 60:02}",
            "channel_label": f"Channel {row % 12}",
            "holder_engagement": 1,
            "closer_engagement": 1,
            "conversion": int(row % PER_JOURNEY == PER_JOURNEY - 1),
            "impression_interaction": 0,
        }
        for row in range(TOUCHPOINTS)
    ]
    body = json.dumps({"customer_journeys": touchpoints}).encode()

    def send(_: int) -> None:
        if not hasattr(THREAD, "session"):
            THREAD.session = requests.Session()
        headers = {"x-api-key": key, "Content-Type": "application/json"}
        THREAD.session.post(f"{url}?conv_type_id=default", data=body, headers=headers, timeout=60).raise_for_status()

    began = time.perf_counter()
    with ThreadPoolExecutor(int(at_once)) as pool:
        list(pool.map(send, range(int(number))))
    print(json.dumps({"work_seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    main(*sys.argv[1:])
