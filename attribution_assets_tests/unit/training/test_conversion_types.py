"""Files of trained conversion types: what is written is read, versions are kept, and bad files are named."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from attribution_assets.attribution.training.conversion_types import ConversionTypes, ConversionTypesError
from attribution_assets.ihc_service.model import compute_ihc, recorded_parameters, version
from attribution_assets.ihc_service.training.trained_type import read_trained_type
from attribution_assets_tests.support.answered_journeys import answered_by
from attribution_assets_tests.support.trained_types import trained


def test_what_is_written_is_read_and_answers_alike() -> None:
    written = trained()
    read = read_trained_type(written.to_toml())
    assert (read.name, read.training) == (written.name, written.training)
    asked = answered_by(written.parameters, 50)
    assert np.abs(compute_ihc(asked.touchpoints, read.parameters) - asked.credit).max() <= 2e-4
    later = replace(written, training=replace(written.training, since=dt.date(2024, 2, 29)))
    assert read_trained_type(later.to_toml()).training.since == dt.date(2024, 2, 29)


@pytest.mark.parametrize("name", ["new", "New & old / 50 %", "..", ".hidden", "größer"])
def test_a_type_of_any_name_has_a_file_and_its_versions_are_kept(tmp_path: Path, name: str) -> None:
    types = ConversionTypes(str(tmp_path))
    assert (types.names(), types.read(name)) == ([], None)
    assert types.write(trained(name)).training.version == 1
    assert types.write(trained(name, number=1)).training.version == 2
    assert types.names() == [name]
    found = types.read(name)
    assert found is not None
    assert (found.training.version, found.parameters.restart_gap_hours) == (2, 48.0)
    (earlier,) = (tmp_path / "earlier").iterdir()
    assert read_trained_type(earlier.read_text("utf-8")).training.version == 1


def test_the_shipped_type_is_known_until_it_is_trained(tmp_path: Path) -> None:
    types = ConversionTypes(str(tmp_path))
    assert dict(types.parameters()) == {"default": recorded_parameters()}
    types.write(trained("default", number=1))
    types.write(trained("new"))
    known = types.parameters()
    assert known.keys() == {"default", "new"}
    assert known["default"].restart_gap_hours == 48.0
    assert len({version(parameters) for parameters in (*known.values(), recorded_parameters())}) == 3


@pytest.mark.parametrize(
    ("spoilt", "what"),
    [
        (("form = 1", "form = 2"), "its form is 2"),
        (("[phase_weights]", "[phases]"), "it has no phase_weights"),
        (("restart_gap_hours = inf", "restart_gap_hours = -1"), "restart_gap_hours must be more than 0"),
        (("name =", "name"), "it is not TOML"),
        (("closer_curve = [", "closer_curve = [[5, 7],"), "closer_curve: its"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, spoilt: tuple[str, str], what: str) -> None:
    types = ConversionTypes(str(tmp_path))
    types.write(trained())
    file = tmp_path / "new.toml"
    file.write_text(file.read_text("utf-8").replace(*spoilt), "utf-8")
    with pytest.raises(ConversionTypesError, match=what) as raised:
        types.parameters()
    assert str(file) in str(raised.value)
