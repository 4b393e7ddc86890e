"""The stored tables in Arrow: the types of their columns, how a frame becomes one, and the version of its rows."""

from hashlib import sha256

import numpy as np
import pandas as pd
import pyarrow as pa

from attribution_assets.attribution.tables.schemas import STORED_TABLES

ARROW_TYPES = {"str": pa.string(), "datetime64[ns]": pa.timestamp("us"), "int64": pa.int64(), "float64": pa.float64()}
ARROW_SCHEMAS = {
    asset: pa.schema([(name, ARROW_TYPES[str(column.dtype)]) for name, column in table.columns.items()])
    for asset, table in STORED_TABLES.items()
}
"""The Parquet columns of each stored table: the same on every day, so that days without rows keep their types."""

_VERSION_DIGITS = 32


def version_of(name: str, frame: pd.DataFrame | pa.Table) -> str:
    """The version under which `frame` would be stored as a day of the table `name`; errors as for `stored_form`."""
    return content_version(stored_form(name, frame))


def stored_form(name: str, frame: pd.DataFrame | pa.Table) -> pa.Table:
    """The frame as the Arrow table that is stored, with the columns and types of the table's schema.

    Args:
        name: The table, see `schemas.STORED_TABLES`.
        frame: Its rows.

    Raises:
        ValueError: The frame has other columns than the schema.
        pa.ArrowException: A column's values are not of the schema's type.
    """
    schema = ARROW_SCHEMAS[name]
    columns = frame.column_names if isinstance(frame, pa.Table) else list(frame.columns)
    if columns != schema.names:
        raise ValueError(f"{name} has the columns {schema.names}, not {columns}")
    if isinstance(frame, pa.Table):
        return pa.Table.from_arrays([_compact(column) for column in frame.cast(schema).columns], schema=schema)
    arrays = [_converted(column, field) for (_, column), field in zip(frame.items(), schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _converted(column: "pd.Series[float]", field: pa.Field) -> pa.Array | pa.ChunkedArray:
    """A column of a frame, in one thread: several take longer to start than a day's column takes to convert."""
    values = column.to_numpy() if isinstance(column.dtype, np.dtype) else column
    try:
        return pa.Array.from_pandas(values, type=field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise type(error)(f"{error}: column {field.name} takes {field.type}") from None


def _compact(column: pa.ChunkedArray) -> pa.Array:
    """The column in buffers that hold its values and nothing else, so that equal columns are equal bytes."""
    return pa.concat_arrays([*column.chunks, pa.array([], column.type)])


def content_version(content: pa.Table) -> str:
    """The version of a table in its stored form: a digest of its columns and rows, the same wherever it is stored."""
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, content.schema.remove_metadata()) as writer:
        writer.write_table(content.replace_schema_metadata(None))
    return sha256(stream.getvalue()).hexdigest()[:_VERSION_DIGITS]
