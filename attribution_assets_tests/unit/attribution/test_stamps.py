"""The stamp of a stored file is the one that it was written with, however it is read."""

import json
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from upath import UPath

from attribution_assets.attribution.storage.stamps import Stamp, stamp_in, stamp_of, written_with_stamp

STAMP = Stamp("f00", "ba5", "set", 2, repeated=1, undated=3, conversion_types=("ne{w}", "zurück"), summed=4)
ANOTHER = json.dumps(asdict(STAMP) | {"version": "of no file"})


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(pa.table({"n": [1, 2]}), id="a small table"),
        pytest.param(pa.table({"n": pa.array([], pa.int64())}), id="without rows"),
        pytest.param(pa.table({f"attribution_assets{ANOTHER}": [1, 2]}), id="with a column called like a stamp"),
        pytest.param(
            pa.table({"channel_name": [f"attribution_assets{ANOTHER}"] * 2}), id="with a value that looks like a stamp"
        ),
        pytest.param(pa.table({f"column_{n}": [n, n] for n in range(500)}), id="with a long footer"),
    ],
)
def test_the_stamp_of_a_file_is_that_it_was_written_with(tmp_path: Path, content: pa.Table) -> None:
    file = tmp_path / "2024-01-01.parquet"
    file.write_bytes(written_with_stamp(content, lambda: STAMP))

    assert stamp_of(UPath(file)) == stamp_in(pq.read_metadata(file)) == STAMP


def test_a_file_that_carries_no_stamp_says_how_many_rows_it_has(tmp_path: Path) -> None:
    file = tmp_path / "2024-01-01.parquet"
    pq.write_table(pa.table({"attribution_assets": ["{}", "{}"]}), file)

    assert stamp_of(UPath(file)) == Stamp("", "", None, 2)


def test_what_is_no_parquet_file_has_no_stamp(tmp_path: Path) -> None:
    file = tmp_path / "2024-01-01.parquet"
    spoilt = written_with_stamp(pa.table({"n": [1, 2]}), lambda: STAMP)[:-4] + bytes(4)
    for content in (b"attribution_assets{}", spoilt):
        file.write_bytes(content)
        with pytest.raises(pa.ArrowInvalid):
            stamp_of(UPath(file))


def test_a_replaced_file_has_its_own_stamp(tmp_path: Path) -> None:
    file = tmp_path / "2024-01-01.parquet"
    file.write_bytes(written_with_stamp(pa.table({"n": [1]}), lambda: STAMP))
    stamp_of(UPath(file))
    newer = tmp_path / "newer"
    newer.write_bytes(written_with_stamp(pa.table({"n": [1]}), lambda: Stamp("2", "", None, 1)))
    newer.replace(file)

    assert stamp_of(UPath(file)).version == "2"
