"""What all resources of a data set have in common."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import BaseModel, ConfigDict, Field

from attribution_assets.attribution.files.locations import LocationError
from attribution_assets.attribution.files.object_store import ObjectStoreError
from attribution_assets.attribution.source.channel_names import ChannelNamesError
from attribution_assets.attribution.sql.engine import EngineUnavailableError
from attribution_assets.attribution.training.conversion_types import ConversionTypesError
from attribution_assets.environment import without_secrets
from attribution_assets.errors import ConfigurationError
from attribution_assets.instance.data_set_names import DataSetNames
from attribution_assets.settings import ATTRIBUTES


class OfDataSet(BaseModel):
    """What all resources have: they are of one data set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_set: str = Field(default="", description="The data set; empty for that of the environment")

    @property
    def names(self) -> DataSetNames:
        """What the things of the data set are called in Dagster."""
        return DataSetNames(self.data_set)

    def label(self, attribute: str) -> str:
        """What people call a setting of the data set: its variable, or the data set's attribute."""
        return f"{attribute} of the data set {self.data_set}" if self.data_set else ATTRIBUTES[attribute]


@contextmanager
def as_configuration_error(variable: str, value: str) -> Iterator[None]:
    """Turn what is wrong with a place into an error that names the setting that gives it.

    Raises:
        ConfigurationError: It cannot be used.
    """
    try:
        yield
    except (LocationError, ObjectStoreError, ChannelNamesError, ConversionTypesError) as error:
        raise ConfigurationError(without_secrets(f"{variable} is {value!r}: {error}")) from None
    except EngineUnavailableError as error:  # which names its own variable
        raise ConfigurationError(str(error)) from None
