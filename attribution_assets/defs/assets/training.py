"""The asset `trained_conversion_type`: what the stored answers of the API teach of the account's conversion type.

It has no days. What is learned, and how, is in `ihc_service/training/`.
"""

import datetime as dt

import dagster as dg

from attribution_assets.attribution.calendar.days import day_written
from attribution_assets.attribution.tables.readable import quoted
from attribution_assets.attribution.training.stored_answers import learned_from_stored
from attribution_assets.charts.training_plots import training_plots
from attribution_assets.defs.resource_names import with_resources_of
from attribution_assets.defs.resources import DatabaseResource, IhcApiAccount, Storage
from attribution_assets.ihc_service.training.calibration import TooFewAnswersError
from attribution_assets.ihc_service.training.trained_type import TrainedType
from attribution_assets.instance.data_set_names import DataSetNames
from attribution_assets.settings import Settings

TRAINING = "training"


class TrainingConfig(dg.Config):
    """What to train.

    Attributes:
        conversion_type: The conversion type; empty for the account's.
        since: Only answers on orders of this day and later, YYYY-MM-DD; empty for all.
    """

    conversion_type: str = ""
    since: str = ""


def training_asset(settings: Settings) -> dg.AssetsDefinition:
    """The asset `trained_conversion_type` of a data set."""
    names = DataSetNames(settings.data_set)
    decorator = dg.asset(
        key=names.key(trained_conversion_type.__name__),
        group_name=settings.data_set or TRAINING,
        owners=["team:marketing-analytics"],
        tags=names.tags,
        kinds={"python", "toml"},
        deps=[dg.AssetDep(names.key("ihc_attributions"), partition_mapping=dg.AllPartitionMapping())],
    )
    return decorator(with_resources_of(trained_conversion_type, names))


def trained_conversion_type(
    config: TrainingConfig, ihc_api: IhcApiAccount, database: DatabaseResource, storage: Storage
) -> dg.MaterializeResult[None]:
    """Parameters of the account's conversion type, learned from all stored answers of the IHC API."""
    name, tables, source = config.conversion_type or ihc_api.conv_type_id, storage.tables(), database.source()
    since = day_written(config.since)
    if config.since and since is None:
        raise dg.Failure(f"since is {quoted(config.since)}: write a day as YYYY-MM-DD", allow_retries=False)
    try:
        found = learned_from_stored(tables, source, ihc_api.asked_with(name), dt.datetime.now(dt.UTC), since)
    except TooFewAnswersError as error:
        raise dg.Failure(f"{name}: {error}", allow_retries=False) from None
    types = ihc_api.trained()
    written = types.write(found.trained)
    metadata = training_metadata(written) | {
        "path": dg.MetadataValue.path(str(types.file(name))),
        "plots": dg.MetadataValue.md(training_plots(found)),
    }
    return dg.MaterializeResult(metadata=metadata)


def training_metadata(trained: TrainedType) -> dict[str, dg.MetadataValue]:
    """What a training came to."""
    how, parameters = trained.training, trained.parameters
    numbers = {
        "version": how.version,
        "answers": how.answers,
        "journeys_of_several_sessions": how.several,
        **({"mean_error": how.held_out.mean_error, "worst_error": how.held_out.worst_error} if how.held_out else {}),
    }
    texts = {
        "conversion_type": trained.name,
        "phase_weights": " / ".join(f"{weight:.3f}" for weight in parameters.phase_weights),
        "restart_gap_hours": f"{how.cut.hours:.2f}, between {how.cut.below:.2f} and {how.cut.above:.2f}",
        "channels_without_evidence": ", ".join(how.without_evidence),
    }
    return {
        **{
            name: dg.MetadataValue.int(n) if isinstance(n, int) else dg.MetadataValue.float(n)
            for name, n in numbers.items()
        },
        **{name: dg.MetadataValue.text(text) for name, text in texts.items()},
    }
