"""Folders of exported files: which files are read, in which forms, and what is said of those that cannot be."""

import datetime as dt
import gzip
import os
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from attribution_assets.attribution.source.database import (
    SourceDatabase,
    SourceDatabaseError,
    SourceSchemaError,
    SourceUnreachableError,
)
from attribution_assets_tests.support.copied_sources import write_csv
from attribution_assets_tests.support.source_tables import DAYS, FIRST, extracted_orders, order, session

ROWS = {
    "session_sources": [session("a"), session("b", user="v")],
    "session_costs": [("a", 1.5)],
    "conversions": [order("c"), order("d", revenue=2.5)],
}
HEADER = "conv_id,user_id,conv_date,conv_time,revenue"
GOOD = "c,u,2024-02-28,12:00:00,10.0"


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    """A folder with a good CSV file of each table."""
    write_csv(tmp_path / "exports", ROWS)
    return tmp_path / "exports"


def source(folder: Path) -> SourceDatabase:
    return SourceDatabase(f"files://{folder}", FIRST, variable="ATTRIBUTION_SOURCE_URL")


def orders(folder: Path) -> dict[str, float]:
    """The revenue of each order of the first day."""
    frame = extracted_orders(f"files://{folder}")[FIRST].frame
    return dict(zip(frame["conv_id"], frame["revenue"], strict=True))


def said(folder: Path) -> str:
    """What is said of a folder that cannot be read, without the folder's name."""
    with pytest.raises(SourceDatabaseError) as caught:
        for _ in (*source(folder).sessions(DAYS), *source(folder).conversions(DAYS)):
            pass
    words = str(caught.value)
    assert "\n" not in words
    return words.replace(str(folder), "FOLDER")


class TestFilesThatAreRead:
    @pytest.mark.parametrize(
        "content",
        [
            f"{HEADER}\n{GOOD}\n",
            f"\ufeff{HEADER}\r\n{GOOD}\r\n",
            f"{HEADER}\r{GOOD}\r",
            f"{HEADER}\n{GOOD}",
            f"{HEADER}\n\n{GOOD}\n\n",
            f"{HEADER}\n{GOOD}\n".replace(",", ";"),
            f"{HEADER}\n{GOOD}\n".replace(",", "\t"),
            f"{HEADER}\n{GOOD}\n".replace(",", "|"),
            'Conv_ID ,"USER_ID",conv_date,conv_time,Revenue\n"c",u,"2024-02-28","12:00:00",10.0\n',
            f'{HEADER},note,note,\n{GOOD},"several\nlines, ""quoted""",x,y\n',
            f'note,{HEADER}\n5" screen,{GOOD}\n',
        ],
    )
    def test_csv_comes_with_any_separator_line_end_and_case_of_names(self, exports: Path, content: str) -> None:
        (exports / "conversions.csv").write_bytes(content.encode())
        assert orders(exports) == {"c": 10.0}

    def test_a_csv_file_may_be_compressed(self, exports: Path) -> None:
        plain = exports / "conversions.csv"
        (exports / "conversions.csv.gz").write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
        plain.unlink()
        assert orders(exports) == {"c": 10.0, "d": 2.5}

    def test_a_table_may_be_several_files_of_a_folder_with_columns_in_any_order(self, exports: Path) -> None:
        (exports / "Conversions/2024").mkdir(parents=True)
        (exports / "conversions.csv").rename(exports / "Conversions/2024/one.csv")
        (exports / "Conversions/two [*].csv").write_text(
            "revenue;conv_time;conv_date;user_id;conv_id\n7;13:00:00;2024-02-28;u;e\n"
        )
        (exports / "Conversions/_SUCCESS").touch()
        (exports / "Conversions/.hidden.csv").write_text("x")
        assert orders(exports) == {"c": 10.0, "d": 2.5, "e": 7.0}

    def test_parquet_files_of_a_table_may_differ_in_types_and_columns(self, exports: Path) -> None:
        (exports / "conversions.csv").unlink()
        (exports / "conversions").mkdir()
        for name, row in (
            (
                "a",
                "1 AS conv_id, 'u' AS user_id, DATE '2024-02-28' AS conv_date, TIME '12:00' AS conv_time, 5 AS revenue",
            ),
            ("b", "'x' AS conv_id, DATE '2024-02-28' AS conv_date, TIME '12:00' AS conv_time, 0.5 AS revenue"),
        ):
            duckdb.sql(f"COPY (SELECT {row}) TO '{exports}/conversions/{name}.parquet'")
        assert orders(exports) == {"1": 5.0, "x": 0.5}

    def test_other_files_of_the_folder_are_left_alone(self, exports: Path) -> None:
        (exports / "notes.csv").write_bytes(b"\xff\xfe broken")
        (exports / "session_sources_old.csv").write_text("x")
        (exports / "conversions.xlsx").touch()
        assert orders(exports) == {"c": 10.0, "d": 2.5}

    def test_views_may_make_tables_of_files_and_go_before_files_of_their_names(self, exports: Path) -> None:
        (exports / "views.sql").write_text(
            "-- orders that count\n"
            "CREATE OR REPLACE VIEW conversions AS SELECT * FROM 'conversions.csv' WHERE revenue < 5;\n"
            "/* paid ones */ create view session_costs as select session_id, 3.0 as cost from session_sources;\n"
        )
        assert orders(exports) == {"d": 2.5}
        [day, *_] = source(exports).sessions(DAYS)
        assert day.frame["cost"].tolist() == [3.0, 3.0]

    def test_a_relative_url_is_below_the_present_folder(self, exports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(exports.parent)
        database = SourceDatabase("files://exports", FIRST)
        database.check()
        assert str(database) == f"folder of files {exports}"
        assert database.place.database.address == f"files://{exports}"


class TestFilesThatCannotBeRead:
    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "line 1: it is empty, but has to name the columns."),
            (
                b"c,u,2024-02-28,12:00:00,1\n",
                (
                    "line 1: it names none of the columns conv_id, user_id, conv_date, conv_time, revenue, but is"
                    " 'c,u,2024-02-28,12:00:00,1': the first line has to name the columns, separated by a comma, a"
                    " semicolon, a tab or a |."
                ),
            ),
            (
                f"{HEADER},User_ID\n{GOOD},v\n".encode(),
                "line 1: it names the column user_id twice: leave one of them.",
            ),
            (
                f"{HEADER}\n{GOOD}\nd,u,2024-02-28,12:00:00,1,50\n".encode(),
                (
                    "line 3: it has 6 values where the first line names 5 columns: mend the line (a value that holds"
                    ' the separator stands in "double quotes").'
                ),
            ),
            (
                f"{HEADER}\n{GOOD}\nd,u\n".encode(),
                (
                    "line 3: it has 2 values where the first line names 5 columns: mend the line (a value that holds"
                    ' the separator stands in "double quotes").'
                ),
            ),
            (
                f'{HEADER}\n{GOOD}\n"d,u,2024-02-28,12:00:00,1\n'.encode(),
                'line 3: a value that begins with " has no " at its end: mend the line (a " in it is written "").',
            ),
            (
                f"{HEADER}\n{GOOD}\nGröße,u,2024-02-28,12:00:00,1\n".encode("latin-1"),
                "line 3: it is not in UTF-8: save the file as UTF-8.",
            ),
            (f"Größe,{HEADER}\n".encode("latin-1"), "line 1: it is not in UTF-8: save the file as UTF-8."),
            (f"{HEADER}\n{GOOD}\n".encode("utf-16"), "it is in UTF-16: save the file as UTF-8."),
            (
                gzip.compress(f"{HEADER}\n{GOOD}\n".encode(), mtime=0),
                "a file is compressed by gzip if its name ends with .gz, and only then: rename it.",
            ),
        ],
    )
    def test_a_broken_csv_file_is_named_with_its_line_and_what_to_do(
        self, exports: Path, content: bytes, words: str
    ) -> None:
        (exports / "conversions.csv").write_bytes(content)
        separator = ", " if words.startswith("line") else ": "
        assert said(exports) == f"FOLDER/conversions.csv{separator}{words}"

    def test_a_line_is_named_in_a_large_file_too(self, exports: Path) -> None:
        lines = [f"c{number},u,2024-02-28,12:00:00,1" for number in range(300_000)]
        lines[250_000] = "c,u"
        (exports / "conversions.csv").write_text("\n".join([HEADER, *lines]))
        assert "conversions.csv, line 250002: it has 2 values where" in said(exports)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (
                lambda folder: (folder / "conversions.csv").rename(folder / "orders.csv"),
                (
                    "The folder of files FOLDER lacks the table conversions. Each table is a file such as"
                    " session_costs.csv or session_costs.parquet, or a folder session_costs of such files; the folder"
                    " has orders.csv, session_costs.csv, session_sources.csv. Add what is missing, or a views.sql"
                    " that makes it."
                ),
            ),
            (
                lambda folder: (folder / "conversions.parquet").write_text("x"),
                "FOLDER holds conversions.csv and conversions.parquet: leave one of them for the table conversions.",
            ),
            (
                lambda folder: (folder / "conversions.csv").rename(folder / "conversions.parquet"),
                (
                    "FOLDER/conversions.parquet cannot be read: Invalid Input Error: No magic bytes found at end of"
                    " file 'FOLDER/conversions.parquet'. Export it again."
                ),
            ),
            (
                lambda folder: (folder / "views.sql").write_text("DROP TABLE x; CREATE VIEW y AS SELECT 1"),
                "FOLDER/views.sql: it may hold CREATE VIEW statements only, each of another view.",
            ),
            (
                lambda folder: (folder / "views.sql").write_text("CREATE VIEW y AS SELECT * FROM 'nothere.csv'"),
                "FOLDER/views.sql cannot be used: IO Error: No files found that match the pattern",
            ),
            (
                lambda folder: (folder / "views.sql").write_text("CREATE VIEW y AS SELECT FROM WHERE"),
                "FOLDER/views.sql cannot be used: Parser Error: syntax error at or near",
            ),
        ],
    )
    def test_what_is_missing_or_twice_is_named(
        self, exports: Path, change: Callable[[Path], object], words: str
    ) -> None:
        change(exports)
        assert said(exports).startswith(words)

    def test_a_column_that_is_missing_is_named(self, exports: Path) -> None:
        (exports / "conversions.csv").write_text("conv_id,customer,conv_date,conv_time\n")
        with pytest.raises(
            SourceSchemaError, match="lacks the column user_id of table conversions, the column revenue"
        ):
            source(exports).check()

    def test_a_missing_folder_is_named_and_how_a_url_is_read(self, tmp_path: Path) -> None:
        for read in (source(tmp_path / "no").check, source(tmp_path / "no").change_marker):
            with pytest.raises(SourceUnreachableError) as caught:
                read()
            assert str(caught.value) == (
                f"There is no folder {tmp_path}/no: set ATTRIBUTION_SOURCE_URL to one with a file for each table, such"
                " as session_sources.csv (files:///absolute/path or files://relative/path)."
            )

    def test_a_file_that_changes_while_it_is_read_ends_the_reading(self, exports: Path) -> None:
        days = source(exports).conversions(DAYS)
        next(days)
        with (exports / "conversions.csv").open("a") as file:
            file.write("e,u,2024-02-28,12:00:00,1\n")
        with pytest.raises(SourceUnreachableError, match=r"A file in .* has changed while it was read: run again"):
            list(days)


class TestChanges:
    def test_the_marker_stays_while_nothing_changes_and_differs_after_each_change(self, exports: Path) -> None:
        old = time.time() - 100
        (exports / "session_costs").mkdir()
        (exports / "session_costs.csv").rename(exports / "session_costs/1.csv")

        def marker() -> str:
            for file in exports.rglob("*"):
                os.utime(file, (old, old))
            return source(exports).change_marker()

        markers = [marker()]
        assert marker() == markers[0]
        for change in (
            lambda: (exports / "conversions.csv").write_text(f"{HEADER}\n"),
            lambda: (exports / "session_costs/2.csv").write_text("session_id,cost\n"),
            lambda: (exports / "session_costs/2.csv").rename(exports / "session_costs/3.csv"),
            (exports / "session_costs/3.csv").unlink,
            lambda: (exports / "views.sql").write_text(""),
        ):
            change()
            markers.append(marker())
        assert all(marker != after for marker, after in pairwise(markers))
        assert source(exports).change_marker() == markers[-1]

    @pytest.mark.parametrize("views", [None, "", "CREATE VIEW session_costs AS SELECT * FROM 'session_costs.csv'"])
    def test_files_of_no_table_may_change_while_the_folder_is_read(self, exports: Path, views: str | None) -> None:
        """Such as those of the storage, when it lies in the folder."""
        if views is not None:
            (exports / "views.sql").write_text(views)
        (exports / "data/assets").mkdir(parents=True)
        with source(exports).place.database.reading():
            (exports / "data/assets/2024-02-28.parquet").touch()
            if views is None:
                (exports / "report.csv").touch()

    @pytest.mark.parametrize("name", ["orders.csv", "raw/orders.csv"])
    def test_a_file_that_a_view_names_may_not_change_while_the_folder_is_read(self, exports: Path, name: str) -> None:
        (exports / "raw").mkdir()
        (exports / "conversions.csv").rename(exports / name)
        (exports / "views.sql").write_text(f"CREATE VIEW conversions AS SELECT * FROM '{name}'")  # noqa: S608  a fixed name
        with (
            pytest.raises(SourceUnreachableError, match="has changed while it was read"),
            source(exports).place.database.reading(),
        ):
            (exports / name).write_text(f"{HEADER}\n")

    def test_a_file_that_is_new_makes_another_marker_each_time(self, exports: Path) -> None:
        (exports / "conversions.csv").touch()
        assert source(exports).change_marker() != source(exports).change_marker()

    def test_exactly_the_days_whose_rows_change_change_their_fingerprint(self, exports: Path) -> None:
        def fingerprints() -> dict[dt.date, str]:
            return source(exports).fingerprints("conversions", DAYS)

        before = fingerprints()
        with (exports / "conversions.csv").open("a") as file:
            file.write("e,u,2024-02-29,12:00:00,1\r\n")
        after = fingerprints()
        assert [day for day in DAYS if before[day] != after[day]] == [DAYS[1]]
