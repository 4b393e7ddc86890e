"""The benchmark measures what it says, on a shop so small that only its working is tried, not the speed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from attribution_assets_tests.support.places import PROJECT

PARTS = ["whole", "assets", "api", "extraction"]


@pytest.mark.slow
def test_each_part_of_the_benchmark_measures_ours_and_what_it_is_compared_with(tmp_path: Path) -> None:
    benchmark, output = PROJECT / "attribution_assets_tests" / "benchmark", tmp_path / "found.json"
    size = ["--sessions", "2000", "--days", "3", "--runs", "1", "--latency", "0", "--request", "3000", "3000"]
    words = [sys.executable, benchmark, *PARTS, *size, "--folder", tmp_path, "--output", output]
    done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(output.read_text(encoding="utf-8"))
    assert found.keys() >= set(PARTS)
    assert found["whole"].keys() >= {"command", "again", "script", "ratio of seconds", "ratio of peak_mb"}
    assert found["whole"]["command"]["first_word"] < found["whole"]["command"]["seconds"]
