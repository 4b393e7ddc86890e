"""The command `attribution-assets metrics` as a process of its own, and what it answers."""

import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from attribution_assets_tests.support.command_process import COMMAND
from attribution_assets_tests.support.ports import free_port

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@dataclass(frozen=True)
class Exporter:
    """A running exporter.

    Attributes:
        port: where it listens on loopback.
        process: its process.
    """

    port: int
    process: subprocess.Popen[str]

    def text(self) -> str:
        """What it exports."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            return str(answer.read(), "utf-8")

    def samples(self) -> Samples:
        """The same as name and labels -> value."""
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(self.text())
            for sample in family.samples
        }


def value(samples: Samples, name: str, **labels: str) -> float:
    """The value of one sample; fails if it is not there."""
    return samples[name, frozenset(labels.items())]


@contextmanager
def running_exporter(port: int | None = None) -> Iterator[Exporter]:
    """An exporter with the environment of this process, once it listens."""
    port = port or free_port()
    with subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, "metrics", "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    ) as process:
        assert process.stdout
        try:
            said = process.stdout.readline()
            assert said == f"Metrics: http://127.0.0.1:{port}/metrics\n", said + process.stdout.read()
            yield Exporter(port, process)
        finally:
            process.kill()
