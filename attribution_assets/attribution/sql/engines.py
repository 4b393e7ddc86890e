"""The engines by their names, those of the setting ATTRIBUTION_ENGINE; a name loads its library when it is used."""

from attribution_assets.attribution.sql.engine import EngineUnavailableError, SqlEngine


def engine_named(name: str) -> SqlEngine:
    """The engine of that name.

    Raises:
        EngineUnavailableError: There is none, or its library is not installed.
    """
    if name == "duckdb":
        from attribution_assets.attribution.sql.duckdb import DuckDb  # noqa: PLC0415  # each engine loads a library

        return DuckDb()
    if name == "spark":
        try:
            from attribution_assets.attribution.sql.spark import Spark  # noqa: PLC0415  # the same
        except ImportError as error:
            raise EngineUnavailableError(name, f"{error}: pip install 'attribution-assets[spark]'") from None

        return Spark()
    raise EngineUnavailableError(name, "it takes duckdb or spark")
