"""Vega-Lite outside a browser, by vl-convert: charts as SVG or PNG, and the script that draws them in a page.

The script is put together from what vl-convert's package holds; nothing is loaded from a network.
"""

import functools
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, cast

import vl_convert

from attribution_assets.charts.style import Spec

Draw = Callable[[Spec], str]
"""Draws a chart as an SVG document."""

WIDTH = 900
"""Width of a chart that has no place to fill, in pixels."""

_MAKE_SCRIPT = """
import sys, vl_convert
script = vl_convert.javascript_bundle(snippet="window.vegaEmbed = vegaEmbed; window.vega = vega;")
sys.stdout.buffer.write(script.encode())
"""
_DRAW = """
import json, sys, vl_convert
vl_convert.vegalite_to_svg({"mark": "bar"})  # what takes the time is the first chart, whichever it is
for line in sys.stdin.buffer:
    print(json.dumps(vl_convert.vegalite_to_svg(json.loads(line))), flush=True)
"""
_LOCK = threading.Lock()


def script_name() -> str:
    """A name for `script` that changes with its version, so that browsers can keep it."""
    return f"vega-{vl_convert.get_vega_version()}-{vl_convert.get_vegalite_versions()[-1]}.js"


def script() -> str:
    """The JavaScript that defines `vegaEmbed`. Putting it together takes a second or more, once.

    Raises:
        CalledProcessError: vl-convert could not.
    """
    with _LOCK:
        return _script()


@functools.cache
def _script() -> str:
    """In a process of its own: vl-convert would hold up all threads of this one."""
    made = subprocess.run([sys.executable, "-I", "-c", _MAKE_SCRIPT], check=True, stdout=subprocess.PIPE)  # noqa: S603  # our own
    return made.stdout.decode()


@contextmanager
def drawing() -> Iterator[Draw]:
    """A process that draws what `svg` does, as long as the context is open; where it cannot, this one draws.

    The first chart takes 0.7 s of CPU and 85 MB: there they are taken beside what is done until a chart is wanted.
    """
    words, pipe = [sys.executable, "-I", "-c", _DRAW], subprocess.PIPE
    try:
        started = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)  # noqa: S603  # our own
    except OSError:
        yield svg
        return
    with started as process:
        asked, drawn = cast("BinaryIO", process.stdin), cast("BinaryIO", process.stdout)

        def draw(spec: Spec) -> str:
            with suppress(OSError):
                asked.write(json.dumps(_on_paper(spec)).encode() + b"\n")
                asked.flush()
                if (line := drawn.readline()).endswith(b"\n"):
                    return str(json.loads(line))
            return svg(spec)

        try:
            yield draw
        finally:
            process.kill()
            with suppress(BrokenPipeError):
                asked.close()


def svg(spec: Spec) -> str:
    """The chart as an SVG document."""
    return vl_convert.vegalite_to_svg(_on_paper(spec))


def png(spec: Spec) -> bytes:
    """The chart as a PNG file, two pixels for each of its own."""
    return vl_convert.vegalite_to_png(_on_paper(spec), scale=2)


def _on_paper(spec: Spec) -> Spec:
    wide = {"width": WIDTH} if spec.get("width") == "container" else {}
    return {**spec, **wide, "background": "white"}
