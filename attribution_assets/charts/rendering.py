"""Vega-Lite outside a browser, by vl-convert: charts as SVG or PNG, and the script that draws them in a page.

The script is put together from what vl-convert's package holds; nothing is loaded from a network.
"""

import functools
import subprocess
import sys
import threading

import vl_convert

from attribution_assets.charts.style import Spec

WIDTH = 900
"""Width of a chart that has no place to fill, in pixels."""

_MAKE_SCRIPT = """
import sys, vl_convert
script = vl_convert.javascript_bundle(snippet="window.vegaEmbed = vegaEmbed; window.vega = vega;")
sys.stdout.buffer.write(script.encode())
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


def svg(spec: Spec) -> str:
    """The chart as an SVG document."""
    return vl_convert.vegalite_to_svg(_on_paper(spec))


def png(spec: Spec) -> bytes:
    """The chart as a PNG file, two pixels for each of its own."""
    return vl_convert.vegalite_to_png(_on_paper(spec), scale=2)


def _on_paper(spec: Spec) -> Spec:
    wide = {"width": WIDTH} if spec.get("width") == "container" else {}
    return {**spec, **wide, "background": "white"}
