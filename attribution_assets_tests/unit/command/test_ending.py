"""How a process of the command ends: with all it has begun, and without Python's taking everything apart."""

import subprocess
import sys

import pytest

BEGUN = """
import atexit, logging.handlers, sys, threading, time
from attribution_assets.command.ending import run_and_end

class AtTheEnd:
    def __del__(self):
        print("taken apart")

kept = AtTheEnd()

def later():
    time.sleep(0.2)
    print("thread done")

def work():
    logging.getLogger().addHandler(logging.handlers.MemoryHandler(9, target=logging.StreamHandler(sys.stdout)))
    logging.warning("kept in memory")
    atexit.register(print, "registered")
    threading.Thread(target=later).start()
    {last}

run_and_end(work)
"""


def ended(last: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - a script of ours
        [sys.executable, "-c", BEGUN.replace("{last}", last)], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("last", "code"),
    [("pass", 0), ("sys.exit()", 0), ("sys.exit(2)", 2), ("sys.exit(0)", 0)],
)
def test_all_that_was_begun_ends_and_the_code_is_the_same(last: str, code: int) -> None:
    process = ended(last)
    assert process.returncode == code
    assert process.stdout.splitlines() == ["thread done", "registered", "kept in memory"]
    assert not process.stderr


@pytest.mark.parametrize(("last", "told"), [("sys.exit('in words')", "in words"), ("1 / 0", "ZeroDivisionError")])
def test_other_ends_are_those_of_python(last: str, told: str) -> None:
    process = ended(last)
    assert process.returncode == 1
    assert told in process.stderr
    assert "taken apart" in process.stdout


def test_output_that_nobody_reads_is_told_as_python_tells_it() -> None:
    printing = "from attribution_assets.command.ending import run_and_end; run_and_end(lambda: print('words'))"
    process = subprocess.Popen(  # noqa: S603 - a script of ours
        [sys.executable, "-c", printing], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.close()
    _, told = process.communicate()
    assert process.returncode
    assert "BrokenPipeError" in told
