"""The vocabulary of credit: a journey's phases, what can become of an order, and how exact sums of credit are.

What is said here is stored: these are names of columns and values in them, so another spelling is another table.
"""

from typing import Final

PHASES: Final = ("initializer", "holder", "closer")
"""The phases of a customer journey; in each of them, an order is split over its touchpoints."""

CREDIT_COLUMNS: Final = (*PHASES, "ihc")
"""The columns of a touchpoint's credit: its share of the order in each phase, and its share of the order."""

ATTRIBUTED: Final = "attributed"
"""The order's touchpoints share its credit."""
NO_SESSIONS: Final = "no_sessions"
"""The order has no session in its lookback window, hence no journey."""
TOO_LONG: Final = "too_long"
"""The journey has more touchpoints than a request to the IHC API may hold."""
REFUSED: Final = "refused"
"""The IHC API named a reason for which it does not attribute the journey."""

OUTCOMES: Final = (ATTRIBUTED, NO_SESSIONS, TOO_LONG, REFUSED)
"""What can become of an order."""
JOURNEY_OUTCOMES: Final = (ATTRIBUTED, TOO_LONG, REFUSED)
"""What can become of an order that has a journey."""
UNATTRIBUTED_OUTCOMES: Final = (NO_SESSIONS, TOO_LONG, REFUSED)
"""Why an order can have no credit."""

EMBEDDED: Final = "embedded"
"""Stands in place of the API's URL where the embedded IHC service attributed the order."""

ORDER_PLACES: Final = 12
"""Decimal places that stored sums of orders are rounded to."""
AMOUNT_PLACES: Final = 9
"""Decimal places that stored sums of amounts of money are rounded to."""

SUM_TOLERANCE: Final = 5e-4
"""How far the ihc of a journey may be from 1: the API rounds to 4 decimals."""
RELATIVE_ERROR: Final = 1e-9
"""Sums of the same amounts in another order agree this well."""
COST_ERROR: Final = 1e-12
"""How far the report's rounding moves the cost of a session: to 12 decimal places."""
SUM_ERROR: Final = 1e-9
"""How far the report's rounding moves a sum: to 9 decimal places."""


def too_many_sessions(sessions: int, most_sessions: int) -> str:
    """Why an order with so many sessions in its lookback window is too long."""
    return f"{sessions} sessions, but a request may hold only {most_sessions}"
