"""The lock files: each release with its hashes, and the versions that run are those that are tested."""

import re

import pytest

from attribution_assets_tests.support.places import PROJECT

LOCKS = ("requirements.lock", ".ci/requirements.lock")


def locked(lock: str) -> dict[str, str]:
    """Each requirement with its marker -> its hashes."""
    text = (PROJECT / lock).read_text(encoding="utf-8")
    requirements = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip())
    return dict(requirement.split(" \\\n", 1) for requirement in requirements)


@pytest.mark.parametrize("lock", LOCKS)
def test_each_release_has_its_hashes(lock: str) -> None:
    releases = locked(lock)
    assert len(releases) > 100
    for hashes in releases.values():
        assert re.fullmatch(r"(    --hash=sha256:[0-9a-f]{64}( \\\n)?)+", hashes)


def test_what_runs_is_what_is_tested() -> None:
    run, tested = map(locked, LOCKS)
    assert {name for name in run if run[name] != tested.get(name)} == set()
