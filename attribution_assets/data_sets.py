"""The data sets beside that of the environment: a YAML file for each in the folder of `settings.data_sets_folder`.

Which there are, in which files, and whose database is their own; what a file holds, and the settings that follow from
it, are in `data_set_attributes.py`. A file that cannot be used breaks only its own data set.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from attribution_assets.attribution.database.database import Database
from attribution_assets.data_set_attributes import SCHEMA, attributes_in, data_set
from attribution_assets.errors import ConfigurationError
from attribution_assets.settings import Settings, data_sets_folder

ENDINGS = (".yaml", ".yml")
NAMELESS = "(environment)"
"""Stands for the data set of the environment where data sets are listed; no name can be it."""


@dataclass(frozen=True)
class DataSets:
    """The data sets of a folder.

    Attributes:
        usable: name -> settings.
        unusable: name -> why its file cannot be used.
    """

    usable: Mapping[str, Settings]
    unusable: Mapping[str, str]


def data_sets() -> DataSets:
    """The data sets of the folder; none if there is no folder.

    Raises:
        ConfigurationError: The folder cannot be read, or a variable that holds for all of them cannot be used.
    """
    usable, unusable = dict[str, Settings](), dict[str, str]()
    Settings.from_environment()  # what is wrong there is said once, and not of each data set
    for path in _files():
        known = {name.casefold() for name in (*usable, *unusable)}
        try:
            if path.stem.casefold() in known:
                unusable[path.name] = f"{path}: another file has the same name: rename one of them"
            else:
                usable[path.stem] = data_set(path.stem, *attributes_in(path))
        except ConfigurationError as problem:
            unusable[path.stem] = str(problem)
    return DataSets(usable, unusable)


def data_set_named(name: str) -> Settings | None:
    """The settings of one data set of the folder, which is read as it is now; None if there is none of this name.

    Raises:
        ConfigurationError: Its file cannot be used, or the folder cannot be read.
    """
    alike = [path for path in _files() if path.stem.casefold() == name.casefold()]
    path = next((path for path in alike if path.stem == name), None)
    if path and path != alike[0]:
        raise ConfigurationError(f"{path}: another file has the same name: rename one of them")
    return data_set(name, *attributes_in(path)) if path else None


def file_of(name: str) -> Path | None:
    """The file of a data set; None if there is none of this name, in whichever case."""
    return next((path for path in _files() if path.stem.casefold() == name.casefold()), None)


def file_named(name: str) -> Path | None:
    """The file of the data set of exactly this name; None if there is none."""
    path = file_of(name)
    return path if path and path.stem == name else None


def owns_source(name: str) -> bool:
    """Whether the source tables of a data set of the folder lie in a database or schema of its own, made for it."""
    return owns_database(name) and "source_url" not in (_given_to(name) or {})


def owns_database(name: str) -> bool:
    """Whether a data set of the folder has a database or schema of its own, made for it, wherever its source is."""
    given = _given_to(name)
    if given is None:
        return False
    return given["database_url"] == {SCHEMA: own_schema(name)} if "database_url" in given else not _is_shared()


def own_schema(name: str) -> str:
    """The schema of a PostgreSQL database that is made for a data set."""
    return f"data_set_{name.lower()}"


def shares_database(name: str) -> bool:
    """Whether a data set of the folder has no database of its own: all that are given none have a server's in common.

    Beside a SQLite database of the environment each has a file of its own.
    """
    given = _given_to(name)
    return given is not None and "database_url" not in given and _is_shared()


def _given_to(name: str) -> Mapping[str, object] | None:
    """The attributes in the file of a data set; None if there is none of this name."""
    path = file_of(name)
    return None if path is None else attributes_in(path)[0]


def _is_shared() -> bool:
    """Whether data sets that are given no database have the environment's in common: it is a server's."""
    return environment_database().path is None


def environment_database() -> Database:
    """The database of the environment.

    Raises:
        DatabaseUrlError: Its URL is neither SQLite's nor PostgreSQL's.
    """
    return Database(Settings.from_environment(own_data=True).database_url)


def _files() -> Iterator[Path]:
    folder = data_sets_folder()
    if folder is None:
        return
    try:
        found = sorted(path for path in Path(folder).iterdir() if path.suffix in ENDINGS and path.name[0] != ".")
    except OSError as error:
        raise ConfigurationError(
            f"ATTRIBUTION_DATA_SETS is {folder!r}: it cannot be read ({error.strerror}): name a folder with a YAML file"
            " for each data set"
        ) from None
    yield from found
