"""The schema of the repository, `openapi.json`. Run as a module, this writes it anew if that breaks no programs."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from attribution_assets.api.app import create_app, schema_of
from attribution_assets.api.breaking import breaking
from attribution_assets.operations.home import Home
from attribution_assets.operations.store import OperationStore

KEPT = Path(__file__).with_name("openapi.json")


def schema_now() -> dict[str, Any]:
    """The schema of the application."""
    with tempfile.TemporaryDirectory() as folder:
        return schema_of(create_app(OperationStore(Home(Path(folder)))))


def kept_schema() -> dict[str, Any]:
    """The schema of the repository."""
    kept: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8"))
    return kept


def main() -> None:
    """Write the kept schema anew, unless that would break programs."""
    schema = schema_now()
    if broken := breaking(kept_schema(), schema) if KEPT.exists() else []:
        sys.exit(f"Not written, as programs would break: {'; '.join(broken)}. That is for /v2")
    KEPT.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
