"""Functions that take resources, made to take those of one data set: Dagster finds a resource by a parameter's name."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import dagster as dg

from attribution_assets.instance.data_set_names import DataSetNames

Result = TypeVar("Result")


def with_resources_of(function: Callable[..., Result], names: DataSetNames) -> Callable[..., Result]:
    """The function with its parameters for resources named after a data set, as in `shop_de__storage`.

    The data set of the environment has the plain names, so that its functions stay as they are.

    Args:
        function: the function of an asset, a check, a sensor or a schedule.
        names: the data set's names.
    """
    if not names.data_set:
        return function
    signature = inspect.signature(function)
    plain = {names.of(name): name for name, given in signature.parameters.items() if _is_resource(given.annotation)}
    full = {name: of_data_set for of_data_set, name in plain.items()}

    @functools.wraps(function)
    def of_data_set(*given: Any, **named: Any) -> Result:  # noqa: ANN401  # whatever the function takes
        return function(*given, **{plain.get(name, name): value for name, value in named.items()})

    renamed = [given.replace(name=full.get(name, name)) for name, given in signature.parameters.items()]
    # without the return annotation, which Dagster takes for that of a generator only where it sees one
    read_by_dagster = signature.replace(parameters=renamed, return_annotation=inspect.Signature.empty)
    of_data_set.__signature__ = read_by_dagster  # type: ignore[attr-defined]
    return of_data_set


def _is_resource(annotation: object) -> bool:
    return inspect.isclass(annotation) and issubclass(annotation, dg.ConfigurableResource)
