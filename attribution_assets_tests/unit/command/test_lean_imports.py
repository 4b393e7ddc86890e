"""What the small commands load."""

import subprocess
import sys

READING = ("cli", "current_status", "terminal", "source_report", "comparison_files")


def test_a_process_of_the_command_chooses_its_allocator_before_it_loads_pyarrow() -> None:
    loaded = "import sys, attribution_assets.command.cli; print('pyarrow' in sys.modules)"
    process = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)  # noqa: S603 - words of this test
    assert process.stdout == "False\n"


def test_commands_that_only_read_do_without_dagster() -> None:
    modules = ", ".join(f"attribution_assets.command.{module}" for module in READING)
    loaded = f"import sys, {modules}; print(sorted({{'dagster', 'requests'}} & sys.modules.keys()))"
    words = [sys.executable, "-c", loaded]  # a process of its own, as this one may have loaded everything
    process = subprocess.run(words, capture_output=True, text=True, check=True)  # noqa: S603 - words of this test
    assert process.stdout == "[]\n"
