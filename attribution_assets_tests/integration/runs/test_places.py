"""Places that cannot be written are found before anything is written or paid; the history's lock is nobody else's."""

from pathlib import Path

import pytest

from attribution_assets.instance.opening import LOCK, dagster_instance
from attribution_assets_tests.support.shop import Shop, endpoint


@pytest.mark.parametrize("place", ["a file", "a file/below", "/proc/none", "x" * 300])
@pytest.mark.parametrize(
    "variable", ["ATTRIBUTION_REPORTS", "ATTRIBUTION_STORAGE", "DAGSTER_HOME", "--output", "channel_reporting.csv"]
)
def test_a_place_that_cannot_be_written_is_one_line_before_all_else(shop: Shop, variable: str, place: str) -> None:
    shop.session("s1", "ann", "2024-02-26 10:00:00")
    shop.order("o1", "ann", "2024-02-26 20:00:00")
    (shop.folder / "a file").touch()
    options = ["--output", f"{place}/report.csv"] if variable == "--output" else []
    if variable == "channel_reporting.csv":
        (shop.folder / "data/reports" / variable).mkdir(parents=True)
    elif not options:
        shop.set(**{variable: place})
    before = sorted(shop.folder.rglob("*"))
    with endpoint() as api:
        shop.asks(api)
        result = shop.run("2024-02-26", "2024-02-26", *options)
    assert result.exit_code == 2
    [line] = result.output.splitlines()
    assert line.startswith("Not possible: ")
    assert variable in line
    assert (api.received, sorted(shop.folder.rglob("*"))) == ([], before)


def test_the_lock_of_the_history_lies_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("TMPDIR", str(temporary))
    with dagster_instance():
        assert (home / LOCK).is_file()
    assert list(temporary.iterdir()) == []
