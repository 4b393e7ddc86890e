"""Apache Spark as the engine of `engine.py`: a session of this process, or a Spark Connect server.

Which Spark that is and what it may use is said by Spark's own means (`SPARK_REMOTE`, `SPARK_CONF_DIR`,
`PYSPARK_SUBMIT_ARGS`). Set here is only what the result depends on.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.utils import is_remote
from upath import UPath

from attribution_assets.attribution.files.locations import local_path
from attribution_assets.attribution.sql.engine import EngineUnavailableError, QueriedTable

_TYPES = {pa.string(): "STRING", pa.timestamp("us"): "TIMESTAMP_NTZ", pa.int64(): "BIGINT", pa.float64(): "DOUBLE"}

_NO_FILE_IS_SKIPPED = {"ignoreMissingFiles": "false", "ignoreCorruptFiles": "false"}
_ERRORS_ARE_NOT_NULL = ("spark.sql.ansi.enabled", "true")
_CLOCKS_SKIP_NO_HOUR = ("spark.sql.session.timeZone", "UTC")  # times without a zone get one where they are cut

_WILDCARDS = re.compile(r"([\\*?\[\]{}])")


@dataclass(frozen=True)
class Spark:
    """The Spark session of this process, started when it is first needed."""

    def check(self) -> None:
        """See `SqlEngine`."""
        _process_session()

    @contextmanager
    def query(self, sql: str, tables: Sequence[QueriedTable]) -> Iterator[pa.RecordBatchReader]:
        """See `SqlEngine`; the whole result comes at once."""
        with _own_session() as session:
            for table in tables:
                _read(session, table).createOrReplaceTempView(table.asset)
            result = session.sql(sql).toArrow()
        yield result.to_reader()


def _process_session() -> SparkSession:
    try:
        session = SparkSession.builder.getOrCreate()
        _ = session.version  # asks the server, where there is one
    except (PySparkException, ImportError) as error:
        raise EngineUnavailableError(
            "spark",
            "no session can be started: it takes Java 17 or later, or in SPARK_REMOTE the address of a Spark Connect "
            f"server: {error}",
        ) from None
    return session


@contextmanager
def _own_session() -> Iterator[SparkSession]:
    """A session with views and settings of its own, so that queries of several threads do not see each other's."""
    session = _process_session().newSession()
    session.conf.set(*_ERRORS_ARE_NOT_NULL)
    session.conf.set(*_CLOCKS_SKIP_NO_HOUR)
    yield session
    if is_remote():  # after an error the server is left to forget it by itself: it may be the server that is gone
        session.client.release_session()
        session.client.close()


def _read(session: SparkSession, table: QueriedTable) -> DataFrame:
    columns = ", ".join(f"{column.name} {_TYPES[column.type]}" for column in table.schema)
    if not table.files:
        return session.createDataFrame(table.schema.empty_table(), columns)
    return session.read.options(**_NO_FILE_IS_SKIPPED).schema(columns).parquet(*map(_address, table.files.values()))


def _address(file: UPath) -> str:
    """The file as Hadoop names it: not percent-encoded, its wildcards escaped, S3 under the name of its S3A client."""
    local = local_path(file)
    address = f"file://{local.absolute()}" if local else file.as_uri().replace("s3://", "s3a://", 1)
    return _WILDCARDS.sub(r"\\\1", address)
