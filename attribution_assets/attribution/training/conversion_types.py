"""The trained conversion types: a TOML file for each, in a folder or under a URL, and the versions before it.

    <root>/<type>.toml               the version in use
    <root>/earlier/<type>.<n>.toml   the versions before

What is in a file is said in `ihc_service/training/trained_type.py`.
"""

from collections.abc import Mapping
from urllib.parse import quote, unquote

from upath import UPath

from attribution_assets.attribution.files.atomic_files import names_in, read_file, replace_file
from attribution_assets.attribution.files.locations import location
from attribution_assets.ihc_service.model import SHIPPED, ModelParameters, recorded_parameters
from attribution_assets.ihc_service.training.trained_type import TrainedType, read_trained_type

_SUFFIX = ".toml"


class ConversionTypesError(Exception):
    """A file of a trained conversion type cannot be read; the message names it."""


class ConversionTypes:
    """The trained conversion types under one root.

    Args:
        root: a folder, or a URL such as `s3://bucket/prefix`.

    Raises:
        LocationError: the root can be neither.
    """

    def __init__(self, root: str) -> None:
        self._root = location(root)

    def names(self) -> list[str]:
        """The names of the trained types, sorted."""
        files = [name for name in names_in(self._root) if name.endswith(_SUFFIX) and name[0] != "."]
        return sorted(unquote(name.removesuffix(_SUFFIX)) for name in files)

    def read(self, name: str) -> TrainedType | None:
        """One trained type; None if there is none of the name.

        Raises:
            ConversionTypesError: its file cannot be read.
        """
        file = self.file(name)
        try:
            return read_trained_type(read_file(file).decode())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise ConversionTypesError(f"{file} cannot be used: {error}. Train the type again, or delete it") from None

    def all(self) -> dict[str, TrainedType]:
        """All trained types by name; errors as for `read`."""
        found = {name: self.read(name) for name in self.names()}
        return {name: trained for name, trained in found.items() if trained}

    def parameters(self) -> Mapping[str, ModelParameters]:
        """Parameters by conversion type: the trained ones, and `default` as shipped if it was not trained anew.

        Raises:
            ConversionTypesError: a file cannot be read.
        """
        return {SHIPPED: recorded_parameters()} | {name: trained.parameters for name, trained in self.all().items()}

    def write(self, trained: TrainedType) -> TrainedType:
        """Put a trained type in place of the one of its name, which is kept beside as an earlier version.

        Returns:
            What was written: with its version.

        Raises:
            ConversionTypesError: the file that it replaces cannot be read.
            OSError: it cannot be written.
        """
        before = self.read(trained.name)
        if before:
            replace_file(self._earlier(trained.name, before.training.version), before.to_toml().encode())
        numbered = trained.numbered(before.training.version + 1 if before else 1)
        replace_file(self.file(trained.name), numbered.to_toml().encode())
        return numbered

    def file(self, name: str) -> UPath:
        """Where the version in use of a type lies."""
        return self._root / f"{_file_name(name)}{_SUFFIX}"

    def _earlier(self, name: str, version: int) -> UPath:
        return self._root / "earlier" / f"{_file_name(name)}.{version}{_SUFFIX}"


def _file_name(name: str) -> str:
    """The name as a file's: any text, with a dot at its start escaped so that it is not hidden."""
    quoted = quote(name, safe=" ")
    return f"%2E{quoted[1:]}" if quoted.startswith(".") else quoted
