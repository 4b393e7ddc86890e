"""The attributes of a data set, as YAML has them, and the settings that follow from them.

Attributes are named like their variables, in `settings.ATTRIBUTES`. What is not given is as the environment has it, but
for the places of storage, reports, trained conversion types and the database: these lie under the environment's, each
data set's apart. Which data sets there are, in which files, is in `data_sets.py`.
"""

import difflib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from attribution_assets.attribution.database.database import Database, DatabaseUrlError, url_of_schema
from attribution_assets.attribution.masking import passwords_in
from attribution_assets.attribution.tables.readable import quoted
from attribution_assets.environment import is_secret_too
from attribution_assets.errors import ConfigurationError
from attribution_assets.setting_texts import Given
from attribution_assets.settings import ATTRIBUTES, VARIABLES, Settings

MOST_CHARACTERS = 40
RESERVED = frozenset({"source", "attribution", "comparison", "training"})
"""No data set's names: groups of the environment's data set, and what keys of its source tables begin with."""

_JSON = ("ihc_redistribution_parameter", "ihc_conversion_types")
"""Attributes whose values may be written as mappings in place of JSON."""
_SECRETS = ("ihc_api_key",)
SCHEMA = "schema"
"""Names a schema of the environment's database in place of a URL, so that its password is written nowhere else."""


def data_set(name: str, attributes: Mapping[str, object], label: Callable[[str], str]) -> Settings:
    """The settings of a data set.

    Args:
        name: its name.
        attributes: attribute -> value, as YAML has it; `{env: NAME}` names a variable, `{file: PATH}` a file that holds
            the value, as mounted secrets do; of `database_url`, `{schema: NAME}` a schema of the environment's
            PostgreSQL database.
        label: what to call an attribute in messages.

    Raises:
        ConfigurationError: The name or an attribute cannot be used. A variable that is not set is no error here, see
            `Settings.missing`.
    """
    require_name(name)
    given, missing, variables = dict[str, Given](), list[str](), dict[str, str]()
    base = Settings.from_environment(own_data=True)
    for attribute, value in attributes.items():
        called = label(attribute)
        if attribute not in ATTRIBUTES:
            near = difflib.get_close_matches(attribute, ATTRIBUTES, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(ATTRIBUTES)}"
            raise ConfigurationError(f"{called} is no attribute of a data set: {hint}")
        variable = f"ATTRIBUTION_DATA_SET_{name}_{attribute}".upper()
        if attribute == "database_url" and isinstance(value, Mapping) and value.keys() == {SCHEMA}:
            os.environ[variable] = _url_of_schema(called, base.database_url, value[SCHEMA])
            given[attribute] = Given(called, os.environ[variable], variable)
        elif place := _named_place(called, value, variable):
            if attribute in _SECRETS:
                is_secret_too(place.variable)
            if not os.environ.get(place.variable):
                missing.append(f"{called} names {place}, which {place.lack}")
                variables |= {attribute: place.variable} if attribute in VARIABLES else {}
                continue
            given[attribute] = Given(f"{called} ({place})", os.environ[place.variable], place.variable)
        else:
            given[attribute] = Given(called, _text(attribute, called, value))
            if attribute in _SECRETS or passwords_in(given[attribute].text):
                raise ConfigurationError(f"{called} holds a secret, which is to be named and not written: {_FORMS}")
    if base.ihc_api_key and "ihc_api_key" not in attributes and "ihc_api_url" in given:
        raise ConfigurationError(
            f"{given['ihc_api_url'].label} is given without ihc_api_key: the environment's key is for the environment's"
            " URL; give both"
        )
    settings = _apart(base, name).with_given(given)
    return replace(
        settings,
        variables={**settings.variables, **variables},
        own_account="ihc_api_key" in attributes and settings.ihc_api_key != base.ihc_api_key,
        missing="; ".join(missing),
    )


def require_name(name: str) -> None:
    """See that a data set can have this name.

    Raises:
        ConfigurationError: It cannot.
    """
    fits = re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*", name, re.ASCII) and len(name) <= MOST_CHARACTERS
    if not fits or name.casefold() in RESERVED:
        raise ConfigurationError(
            f"{quoted(name)} cannot be the name of a data set: take a letter, and then letters, digits and single"
            f" underscores, at most {MOST_CHARACTERS} in all, and none of {', '.join(sorted(RESERVED))}"
        )


def _apart(base: Settings, name: str) -> Settings:
    """The environment's settings with places of the data set's own under the environment's."""
    apart: dict[str, Any] = {place: f"{getattr(base, place).rstrip('/')}/data_sets/{name}" for place in _PLACES}
    try:
        if path := Database(base.database_url).path:
            apart["database_url"] = f"sqlite:///{path.parent / 'data_sets' / f'{name}.db'}"
    except DatabaseUrlError:
        pass  # a run says so, if the data set has no database of its own
    kept = {setting: variable for setting, variable in base.variables.items() if setting not in apart}
    kept.pop("source_url", None)  # the environment's source is that of its own data set
    return replace(base, data_set=name, source_url=None, variables=kept, **apart)


_PLACES = ("storage", "reports", "conversion_types")


def attributes_in(path: Path) -> tuple[dict[str, object], Callable[[str], str]]:
    """The attributes in a data set's file, scalars as they are written, and what to call each.

    Raises:
        ConfigurationError: It cannot be read, or is not YAML of attributes.
    """
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigurationError(f"{path}{where} is not YAML: {getattr(error, 'problem', None) or error}") from None
    if root is None:
        return {}, str
    if not isinstance(root, yaml.MappingNode):
        raise ConfigurationError(f"{path} holds no attributes: write one on each line, as in lookback_days: 30")
    attributes, lines = dict[str, object](), lines_of(root)
    for key, value in root.value:
        name = str(key.value)
        if name in attributes:
            line = key.start_mark.line + 1
            raise ConfigurationError(f"{path}, line {lines[name]}: {name} is given twice, again on line {line}")
        attributes[name] = _value(value)
    return attributes, lambda name: f"{path}, line {lines[name]}: {name}"


def lines_of(attributes: yaml.MappingNode) -> dict[str, int]:
    """Attribute -> the first line of a file that it stands on."""
    return {str(key.value): key.start_mark.line + 1 for key, _ in reversed(attributes.value)}


def _value(node: yaml.Node) -> object:
    """What a node says: scalars as their text, so that 007 and no stay what they are; None where nothing stands."""
    if isinstance(node, yaml.ScalarNode):
        return None if node.tag == "tag:yaml.org,2002:null" else str(node.value)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item) for item in node.value]
    return yaml.SafeLoader("").construct_document(node) if node else None


@dataclass(frozen=True)
class _Place:
    """Where a value is that a data set names: a variable, or a file, whose text is then in a variable too."""

    variable: str
    file: str = ""

    @property
    def lack(self) -> str:
        return "cannot be read or is empty" if self.file else "is not set"

    def __str__(self) -> str:
        return f"the file {self.file}" if self.file else f"the variable {self.variable}"


_FORMS = "{env: NAME_OF_A_VARIABLE}, or {file: PATH}"


def _named_place(called: str, value: object, variable: str) -> _Place | None:
    """The variable or the file that a value names; None if it is a value itself.

    The text of a file is in `variable` from then on, as Dagster's resources refer to values by variables.
    """
    if not isinstance(value, Mapping) or not {"env", "file"} & value.keys():
        return None
    named: Any = value.get("env")
    if len(value) == 1 and isinstance(named, str) and re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", named):
        return _Place(named)
    file: Any = value.get("file")
    if len(value) == 1 and isinstance(file, str) and file.strip():
        try:
            os.environ[variable] = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):  # a zero byte can be in no variable
            os.environ.pop(variable, None)
        return _Place(variable, file)
    raise ConfigurationError(f"{called} names neither a variable nor a file: write {_FORMS}")


def _url_of_schema(called: str, url: str, schema: object) -> str:
    """The URL of a schema of the environment's database."""
    if not re.fullmatch("[a-z_][a-z0-9_]{0,62}", str(schema)):
        raise ConfigurationError(f"{called} names no schema: write lower-case letters, digits and underscores")
    try:
        return url_of_schema(url, str(schema))
    except DatabaseUrlError:
        raise ConfigurationError(
            f"{called} names a schema, and the environment's database is not PostgreSQL's: give a URL"
        ) from None


def _text(attribute: str, called: str, value: object) -> str:
    """The text of a value, as a variable would have it."""
    if isinstance(value, Mapping) and attribute in _JSON:
        try:
            return json.dumps(value)
        except TypeError:
            raise ConfigurationError(f"{called} holds what JSON cannot: put dates in quotes") from None
    if isinstance(value, list) and all(isinstance(item, str) and "," not in item for item in value):
        return ", ".join(value)
    if value is None or isinstance(value, (list, Mapping, bool)) or not str(value).strip():
        raise ConfigurationError(f"{called} has no value that can be used: write a text or a number, or leave it out")
    return str(value)
