"""The redistribution parameter of the IHC API: JSON that a user writes, checked before it is sent as it is.

Of its keys the vendor documents `initializer`, `holder` and `closer`, each an object with `direction` (text),
`receive_threshold` (a number from 0 to 1) and `redistribution_channel_labels` (a list of channels). Others are sent
unseen.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

MOST_LEVELS = 20
PHASES = ("initializer", "holder", "closer")


def redistribution_parameter(text: str) -> Mapping[str, Any]:
    """The parameter that a text holds.

    Raises:
        ValueError: It is no JSON object, holds a number that JSON cannot, is nested more than 20 levels deep, or a
            documented key has a value of another type.
    """
    try:
        parameter = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error}") from None
    except RecursionError:
        raise ValueError(f"is nested more than {MOST_LEVELS} levels deep") from None
    except ValueError:  # of an integer of thousands of digits
        raise ValueError("holds a number with too many digits") from None
    if not isinstance(parameter, dict):
        raise ValueError("is not a JSON object")  # noqa: TRY004  # the value is wrong, not its type here
    _check(parameter, 1)
    for phase in PHASES:
        _check_phase(phase, parameter.get(phase, {}))
    return parameter


def _check(value: object, level: int) -> None:
    if level > MOST_LEVELS:
        raise ValueError(f"is nested more than {MOST_LEVELS} levels deep")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("holds NaN or a number too large for JSON")
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            _check(each, level + 1)


def _check_phase(phase: str, settings: object) -> None:
    if not isinstance(settings, dict):
        raise ValueError(f"has a {phase} that is not a JSON object")  # noqa: TRY004  # as above
    threshold = settings.get("receive_threshold", 0)
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        raise ValueError(f"has a receive_threshold of {phase} that is not a number from 0 to 1")
    if not isinstance(settings.get("direction", ""), str):
        raise ValueError(f"has a direction of {phase} that is not text")  # noqa: TRY004  # as above
    labels = settings.get("redistribution_channel_labels", [])
    if not (isinstance(labels, list) and all(isinstance(label, str) for label in labels)):
        raise ValueError(f"has redistribution_channel_labels of {phase} that are not a list of texts")
