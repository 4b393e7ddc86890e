"""The mapping of channel names in runs: what is reported and sent, and what a change of it makes anew."""

import dagster as dg
import pytest
from typer.testing import CliRunner

from attribution_assets.attribution.source.channel_names import ChannelNames
from attribution_assets.attribution.source.database import SourceDatabase
from attribution_assets.command.cli import app
from attribution_assets.instance.opening import dagster_instance
from attribution_assets_tests.support.databases import create_source_tables, insert
from attribution_assets_tests.support.ihc_endpoint import IhcEndpoint
from attribution_assets_tests.support.shop import Shop
from attribution_assets_tests.support.source_tables import DAYS, FIRST, create_unkeyed_tables, session


def a_shop_of_spellings(shop: Shop) -> None:
    """Two visitors who order, on days of their own, and one who only looks."""
    shop.session("s1", "ann", "2024-02-24 10:00:00", "GoogleAds", 2.0)
    shop.session("s2", "ann", "2024-02-26 10:00:00", "google ads", 0.5)
    shop.session("s3", "ben", "2024-02-25 11:00:00", "FB", 1.0)
    shop.session("s4", "cat", "2024-02-26 12:00:00", "Newsletter", 3.0)
    shop.order("o1", "ann", "2024-02-26 20:00:00", 90.0)
    shop.order("o2", "ben", "2024-02-27 09:00:00", 30.0)


def mapped(shop: Shop, *lines: str) -> None:
    """Have the shop map its channel names with these lines."""
    (shop.folder / "channels.csv").write_text("\n".join(["name,channel", *lines]), encoding="utf-8")
    shop.set(ATTRIBUTION_CHANNELS=str(shop.folder / "channels.csv"))


def channels(shop: Shop) -> list[tuple[object, object]]:
    return [(row["date"], row["channel_name"]) for row in shop.report()]


def status() -> str:
    return " ".join(CliRunner().invoke(app, ["status"]).output.split())


def test_a_change_of_the_mapping_restates_its_days_and_asks_anew_only_where_labels_change(any_shop: Shop) -> None:
    a_shop_of_spellings(any_shop)
    with IhcEndpoint() as endpoint:
        any_shop.asks(endpoint)
        mapped(any_shop, "google ads,Paid Search", "googleads,Paid Search", "fb,Facebook")
        assert any_shop.run("2024-02-24", "2024-02-27").exit_code == 0
        labels = {row["channel_label"] for request in endpoint.received for row in request.body["customer_journeys"]}
        assert labels == {"Paid Search", "Facebook"}
        assert channels(any_shop) == [
            ("2024-02-24", "Paid Search"),
            ("2024-02-25", "Facebook"),
            ("2024-02-26", "Newsletter"),
            ("2024-02-26", "Paid Search"),
        ]
        assert "Everything is up to date." in status()

        asked = len(endpoint.received)
        mapped(any_shop, "google ads,Paid Search", "googleads,Paid Search", "fb,Meta", "elsewhere,Elsewhere")
        assert "│ sessions │ 2024-02-20..2024-02-27 │ │ 2024-02-25 │" in status()
        assert any_shop.run("2024-02-27", "2024-02-27").exit_code == 0
        assert [request.journeys for request in endpoint.received[asked:]] == [{"o2": ["s3"]}]
        assert any_shop.rows("channel_reporting")[0][:2] == ("Meta", "2024-02-25")
        assert "Everything is up to date." in status()

    with dagster_instance() as instance:
        events = instance.fetch_materializations(dg.AssetKey("sessions"), limit=200).records
        unmapped = {
            (record.partition_key, record.asset_materialization.metadata["channels_not_in_mapping"].value)
            for record in events
            if "channels_not_in_mapping" in record.asset_materialization.metadata
        }
    assert unmapped == {("2024-02-26", "Newsletter")}


def test_direct_channels_are_looked_for_among_the_mapped_names(shop: Shop) -> None:
    a_shop_of_spellings(shop)
    mapped(shop, "google ads,Direct")
    assert shop.run("2024-02-26", "2024-02-26").exit_code == 0
    assert CliRunner().invoke(app, ["compare", "--start-date", "2024-02-26", "--end-date", "2024-02-26"]).exit_code == 0
    models = shop.report("model_comparison.csv")
    assert [row["channel_name"] for row in models if row["model"] == "last_non_direct"] == ["GoogleAds"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (None, "it cannot be read (No such file or directory): name a CSV file"),
        (["fb,A", "FB,B"], "line 3: 'FB' is 'B' here, but 'A' in line 2"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_one_line_and_nothing_is_written(
    shop: Shop, lines: list[str] | None, said: str
) -> None:
    a_shop_of_spellings(shop)
    path = shop.folder / "channels.csv"
    if lines:
        mapped(shop, *lines)
    shop.set(ATTRIBUTION_CHANNELS=str(path))
    before = sorted(map(str, shop.folder.rglob("*")))
    for result in (shop.run(), CliRunner().invoke(app, ["status"])):
        assert result.exit_code == 2
        [line] = result.output.splitlines()
        assert line.startswith(f"Not possible: ATTRIBUTION_CHANNELS is '{path}': {said}")
    assert sorted(map(str, shop.folder.rglob("*"))) == before


def test_fingerprints_and_the_marker_change_with_what_the_mapping_makes_of_the_days(database_url: str) -> None:
    create_unkeyed_tables(database_url)
    rows = [session("a", channel="FB"), session("b", date="2024-02-29"), session("c", date="2024-03-01", channel=None)]
    insert(database_url, "session_sources", [*rows, session("d", date="", channel="seo "), session("e", channel="fb")])

    def fingerprints(**mapping: str) -> dict[object, str]:
        mapped_source = SourceDatabase(database_url, FIRST, ChannelNames(mapping))
        found = mapped_source.fingerprints("sessions", DAYS)
        assert {each.day: each.fingerprint for each in mapped_source.sessions(DAYS)} == found
        assert mapped_source.fingerprints("conversions", DAYS) == plain_source.fingerprints("conversions", DAYS)
        return dict(found)

    plain_source = SourceDatabase(database_url, FIRST)
    plain, elsewhere = plain_source.fingerprints("sessions", DAYS), fingerprints(tv="TV")
    assert plain == elsewhere
    first, second = fingerprints(seo="Search"), fingerprints(seo="Search", fb="Facebook")
    assert [day for day in DAYS if first[day] != plain[day]] == DAYS[:2]
    assert [day for day in DAYS if second[day] != first[day]] == DAYS[:1]
    assert fingerprints(fb="Facebook", seo="Search") == second


def test_the_sensor_notices_a_change_of_the_mapping_by_the_marker(sqlite_url: str) -> None:
    create_source_tables(sqlite_url)
    markers = {
        SourceDatabase(sqlite_url, FIRST, ChannelNames(mapping)).change_marker().rpartition(" ")[2]
        for mapping in ({"fb": "A"}, {"fb": "B"}, {"fb": "B", "tv": "TV"})
    }
    assert len(markers) == 3
