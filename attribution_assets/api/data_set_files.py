"""Writes the YAML files of data sets, and their secrets into hidden files beside, which only their owner can read."""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock
from sqlalchemy.schema import CreateSchema
from upath import UPath

from attribution_assets.attribution.database.database import Database, DatabaseError, DatabaseUrlError, may_make_schemas
from attribution_assets.attribution.files.atomic_files import replace_file
from attribution_assets.attribution.masking import MASK, passwords_in
from attribution_assets.data_set_attributes import SCHEMA, attributes_in, data_set, require_name
from attribution_assets.data_sets import data_sets, environment_database, file_named, file_of, own_schema
from attribution_assets.errors import ConfigurationError
from attribution_assets.resources import resources_of
from attribution_assets.settings import DATA_SETS, Settings, data_sets_folder

SECRETS, LOCK = ".secrets", ".lock"
ALWAYS_SECRET = ("ihc_api_key",)
PLACES = ("database_url", "source_url", "storage", "reports", "engine", "channels")
"""Attributes that say where things lie on the server, or what it runs."""
FOR_ADMINS = (*PLACES, "ihc_api_url")
"""Those that the scope admin alone may change: with an address, a key could reach others in the server's network."""


class DataSetExistsError(Exception):
    """There is a data set of this name, in whichever case."""


def identity_of(path: Path) -> str:
    """What differs once a data set's file has been written anew."""
    found = path.stat()
    return f"{found.st_ino} {found.st_mtime_ns}"


def require_folder() -> None:
    """See that data sets can be listed, and the environment's settings used; ATTRIBUTION_DATA_SETS is made if missing.

    Raises:
        ConfigurationError: They cannot.
    """
    if folder := data_sets_folder():
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"ATTRIBUTION_DATA_SETS is {folder!r}: it cannot be made ({error.strerror}): name a folder"
            ) from None
    data_sets()


class DataSetFiles:
    """The folder of data sets, as `settings.data_sets_folder` has it; without one, the first data set makes it."""

    def create(self, name: str, attributes: Mapping[str, Any]) -> Settings:
        """Make a data set; with a schema of its own, if it is given no database and the environment's is PostgreSQL's.

        Args:
            name: Its name.
            attributes: Attribute -> text, number, list of texts or JSON object.

        Raises:
            DataSetExistsError: There is one of this name.
            ConfigurationError: The name or an attribute cannot be used; nothing has been written.
            DatabaseError: The environment's database cannot be reached, or the schema not be made; nothing has been
                written.
        """
        require_name(name)
        with self._lock():
            if file_of(name):
                raise DataSetExistsError
            if {"database_url", "source_url"} & attributes.keys() or not _can_have_schema():
                return self._write(name, {}, attributes)
            settings = self._write(name, {"database_url": {SCHEMA: own_schema(name)}}, attributes)
            try:
                with environment_database().writing() as connection:
                    connection.execute(CreateSchema(own_schema(name), if_not_exists=True))
            except DatabaseError:
                self._remove(name)
                raise
            return settings

    def change(self, name: str, changes: Mapping[str, Any]) -> Settings | None:
        """Change attributes of a data set; None takes one away, so that its default holds.

        The default of a database is the schema of the data set's own, if it has one.

        Returns:
            Its settings; None if there is no such data set.

        Raises:
            ConfigurationError: An attribute cannot be used; nothing has been changed.
        """
        with self._lock():
            path = file_named(name)
            if path is None:
                return None
            before, _ = attributes_in(path)
            own, taken_away = {SCHEMA: own_schema(name)}, [name for name, value in changes.items() if value is None]
            kept = {
                attribute: value
                for attribute, value in before.items()
                if attribute not in changes or (value == own and attribute in taken_away)
            }
            given = {attribute: value for attribute, value in changes.items() if value is not None}
            if changes.get("ihc_api_url") and "ihc_api_key" in kept:
                raise ConfigurationError(
                    "ihc_api_url is changed without ihc_api_key: the key is for its URL; give both"
                )
            settings = self._write(name, kept, given)
            self._forget(value for attribute, value in before.items() if attribute in changes)
            return settings

    def remove(self, name: str) -> None:
        """Remove the file of a data set, and its secrets; nothing if it is gone."""
        with self._lock():
            self._remove(name)

    def _remove(self, name: str) -> None:
        if path := file_named(name):
            for file in (self._folder() / SECRETS).glob(f"{name}.*"):
                file.unlink()
            path.unlink(missing_ok=True)

    def _write(self, name: str, kept: Mapping[str, Any], given: Mapping[str, Any]) -> Settings:
        for attribute, value in given.items():
            if isinstance(value, str) and MASK in value:
                raise ConfigurationError(
                    f"{attribute} holds {MASK}, which stands for a secret that is not shown: give the secret itself, or"
                    " leave the attribute out, and it stays as it is"
                )
        written = {attribute: self._stored(name, attribute, value) for attribute, value in given.items()}
        try:
            attributes = {**kept, **written}
            settings = data_set(name, {key: _as_read(value) for key, value in attributes.items()}, str)
            _require_usable(settings)
        except ConfigurationError:
            self._forget(written.values())
            raise
        path = file_of(name) or self._folder() / f"{name}.yaml"
        replace_file(UPath(path), yaml.safe_dump(attributes, sort_keys=False, allow_unicode=True).encode())
        return settings

    def _stored(self, name: str, attribute: str, value: Any) -> Any:  # noqa: ANN401 - as JSON has it
        """A value as the YAML file holds it: a secret is in a file of its own."""
        if isinstance(value, Mapping):
            return json.dumps(value)
        if attribute not in ALWAYS_SECRET and not passwords_in(str(value)):
            return value
        folder = self._folder() / SECRETS
        folder.mkdir(mode=0o700, exist_ok=True)
        file = folder / f"{name}.{attribute}.{secrets.token_hex(4)}"
        file.touch(mode=0o600)
        file.write_text(str(value), encoding="utf-8")
        return {"file": str(file)}

    def _forget(self, values: Any) -> None:  # noqa: ANN401 - as above
        """Delete the files of secrets that this class has written."""
        for value in values:
            if isinstance(value, Mapping) and (file := Path(str(value.get("file", "")))).parent.name == SECRETS:
                file.unlink(missing_ok=True)

    @staticmethod
    def _folder() -> Path:
        return Path(data_sets_folder() or DATA_SETS)

    def _lock(self) -> FileLock:
        self._folder().mkdir(parents=True, exist_ok=True)
        return FileLock(self._folder() / LOCK)


def _can_have_schema() -> bool:
    """Whether schemas can be made in the environment's database: it is PostgreSQL's, and its user may.

    Raises:
        DatabaseError: It cannot be reached.
    """
    database = environment_database()
    if database.path is not None:
        return False
    with database.reading() as connection:
        return may_make_schemas(connection)


def _as_read(value: Any) -> Any:  # noqa: ANN401 - as above
    """A value as it is when its YAML has been read: scalars are texts."""
    return value if isinstance(value, (Mapping, list)) else str(value)


def _require_usable(settings: Settings) -> None:
    """See that the settings can be used, as far as nothing has to be reached for it.

    Raises:
        ConfigurationError: They cannot.
    """
    try:
        Database(settings.database_url)
    except DatabaseUrlError as error:
        raise ConfigurationError(f"database_url: {error}") from None
    resources = resources_of(settings)
    try:
        resources.database.source()
    except DatabaseUrlError as error:
        raise ConfigurationError(f"source_url: {error}") from None
    resources.storage.tables()
    resources.reports.file("x")
    if settings.ihc_api_key:
        resources.ihc_api.check()
    else:
        resources.ihc_api.redistribution()
