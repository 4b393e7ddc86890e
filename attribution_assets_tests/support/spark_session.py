"""Fixtures: Apache Spark in this process, and as a Spark Connect server on loopback.

Both have settings under which a query that leaned on Spark's defaults would answer otherwise. Tests of Spark are
skipped where Java or PySpark is not installed.
"""

import importlib.util
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from attribution_assets.attribution.sql.engine import SqlEngine
from attribution_assets.attribution.sql.engines import engine_named
from attribution_assets_tests.support.ports import free_port

_DEFAULTS = """
spark.master                                      local[2]
spark.driver.memory                               1g
spark.driver.host                                 127.0.0.1
spark.driver.bindAddress                          127.0.0.1
spark.driver.extraJavaOptions                     -Duser.timezone=Pacific/Auckland
spark.ui.enabled                                  false
spark.ui.showConsoleProgress                      false
spark.sql.shuffle.partitions                      2
spark.sql.session.timeZone                        America/New_York
spark.sql.timestampType                           TIMESTAMP_LTZ
spark.sql.parquet.inferTimestampNTZ.enabled       false
spark.sql.ansi.enabled                            false
spark.sql.orderByOrdinal                          false
spark.sql.decimalOperations.allowPrecisionLoss    false
spark.sql.legacy.exponentLiteralAsDecimal.enabled true
spark.sql.files.ignoreCorruptFiles                true
spark.sql.files.ignoreMissingFiles                true
spark.sql.execution.arrow.useLargeVarTypes        true
"""

_LOGGING = """
rootLogger.level = error
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
"""

_START_SECONDS = 180


@pytest.fixture(scope="session")
def spark_settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with Spark's settings, for SPARK_CONF_DIR."""
    if shutil.which("java") is None or importlib.util.find_spec("pyspark") is None:
        pytest.skip("Java or PySpark is not installed")
    folder = tmp_path_factory.mktemp("spark_conf")
    (folder / "spark-defaults.conf").write_text(_DEFAULTS)
    (folder / "log4j2.properties").write_text(_LOGGING)
    return folder


@pytest.fixture(scope="session")
def spark(spark_settings: Path) -> Iterator[SqlEngine]:
    """Spark in this process, stopped after the last test."""
    engine = engine_named("spark")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("SPARK_CONF_DIR", str(spark_settings))
        engine.check()
    yield engine
    from pyspark.sql import SparkSession  # noqa: PLC0415 - not everybody has it

    SparkSession.builder.getOrCreate().stop()


@pytest.fixture(scope="module")
def spark_connect_server(spark_settings: Path) -> Iterator[str]:
    """The address of a Spark Connect server, for SPARK_REMOTE."""
    from pyspark.find_spark_home import _find_spark_home  # noqa: PLC0415 - not everybody has it

    port = free_port()
    command = [f"{_find_spark_home()}/bin/spark-submit"]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer"]
    command += ["--properties-file", str(spark_settings / "spark-defaults.conf")]
    command += ["--conf", "spark.connect.grpc.binding.address=127.0.0.1"]
    command += ["--conf", f"spark.connect.grpc.binding.port={port}"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - PySpark's own
    try:
        _wait_for(port, server)
        yield f"sc://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        assert server.poll() is None, "the Spark Connect server did not start"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, "the Spark Connect server does not answer"
            time.sleep(0.2)
        else:
            return
