"""How a process of the command takes its memory."""

import os
import subprocess
import sys

import pytest

PRINTS_ALLOCATOR = (
    "from attribution_assets.command.memory import give_memory_back; give_memory_back();"
    "import pyarrow; print(pyarrow.default_memory_pool().backend_name)"
)


@pytest.mark.parametrize(("given", "used"), [({}, "system"), ({"ARROW_DEFAULT_MEMORY_POOL": "mimalloc"}, "mimalloc")])
def test_pyarrow_takes_memory_from_the_system_unless_another_allocator_is_asked_for(
    given: dict[str, str], used: str
) -> None:
    others = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    printed = subprocess.run(  # noqa: S603  this Python
        [sys.executable, "-c", PRINTS_ALLOCATOR], env=others | given, capture_output=True, check=True
    )
    assert printed.stdout.decode().strip() == used
