"""Values of data sets that files hold, as mounted secrets do."""

import os
from pathlib import Path

import pytest

from attribution_assets.data_set_attributes import data_set
from attribution_assets.defs.resources import dagster_resources
from attribution_assets.environment import without_secrets
from attribution_assets.errors import ConfigurationError
from attribution_assets.resources import resources_of

VARIABLE = "ATTRIBUTION_DATA_SET_SHOP_DE_IHC_API_KEY"


@pytest.fixture(autouse=True)
def _no_variable_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")  # which puts back what was there before


def test_a_file_gives_the_value_and_dagster_refers_to_a_variable(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("s3cret-key\n")
    settings = data_set("shop_de", {"ihc_api_key": {"file": str(file)}}, str)
    assert settings.ihc_api_key == "s3cret-key" == os.environ[VARIABLE]
    assert resources_of(settings).ihc_api.api_key == "s3cret-key"
    assert VARIABLE in repr(dagster_resources(settings)["ihc_api"])
    assert "s3cret-key" not in repr(settings)
    assert without_secrets("key s3cret-key") == "key ***"


def test_a_file_that_is_not_there_is_said_when_the_data_set_is_used(tmp_path: Path) -> None:
    settings = data_set("shop_de", {"ihc_api_key": {"file": str(tmp_path / "no")}}, str)
    assert settings.missing == f"ihc_api_key names the file {tmp_path / 'no'}, which cannot be read or is empty"


@pytest.mark.parametrize("value", [{"file": ""}, {"file": 1}, {"file": "a", "env": "B"}, {"env": "1"}])
def test_what_names_neither_a_variable_nor_a_file_is_refused(value: object) -> None:
    with pytest.raises(ConfigurationError, match="names neither a variable nor a file"):
        data_set("shop_de", {"ihc_api_key": value}, str)
