"""Where the project lies, and the recorded answers of the real API, which not everybody has."""

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SHARED_DATA = Path(os.environ.get("ATTRIBUTION_SHARED_DATA") or PROJECT / "../shared/data")
