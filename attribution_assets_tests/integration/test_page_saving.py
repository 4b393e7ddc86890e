"""What readers save on the page: who may, that no other site can, that nobody's is lost, and where it holds."""

import csv
import datetime as dt
import io
import re
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode

import pandas as pd
import pytest

from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.dashboard.learned_model import LearnedModel
from attribution_assets.dashboard.saved import Annotation, NotSavedError, Saved, SavedError, SavedThings
from attribution_assets.dashboard.tables import Column, Table
from attribution_assets_tests.support.dashboard_server import running_dashboard
from attribution_assets_tests.support.stored_results import Order, Visit, store_results

DAY = dt.date(2024, 2, 26)
NOW = dt.datetime(2024, 3, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def saved(database_url: str) -> SavedThings:
    return SavedThings(database_url, "shop__")


@pytest.fixture
def shown(storage: AssetStorage) -> AssetStorage:
    visits = (Visit(DAY, "Display", 30.0), Visit(DAY, "Search", 2.0))
    store_results(storage, [DAY], [Order(DAY, 100.0, visits, (0.6, 0.4), {"market": "north"})])
    return storage


@pytest.fixture
def address(shown: AssetStorage, saved: SavedThings) -> Iterator[str]:
    with running_dashboard(shown, saved=saved, allow_saving=True, order_dimensions=("market",)) as running:
        yield running


def page(address: str) -> tuple[str, str]:
    """Where an address leads to, and what is there."""
    with urllib.request.urlopen(address) as answer:  # noqa: S310  an address of ours
        return answer.url, answer.read().decode()


def post(address: str, origin: str | None = "", **fields: str) -> tuple[str, str]:
    """Send a form from a page of this server, or of another origin; None names none."""
    headers = {} if origin is None else {"Origin": origin or address}
    request = urllib.request.Request(f"{address}/save", urlencode(fields).encode(), headers)  # noqa: S310  the same
    with urllib.request.urlopen(request) as answer:  # noqa: S310  the same
        return answer.url, answer.read().decode()


def refusal(ask: Callable[..., object], *of: object, **more: str) -> tuple[int, str]:
    """The status and the words with which a request is refused."""
    with pytest.raises(HTTPError) as refused:
        ask(*of, **more)
    with refused.value as answer:
        return answer.code, answer.read().decode()


# What is saved


def test_what_is_saved_is_read_again_and_deleted_by_its_name(saved: SavedThings) -> None:
    assert saved.read() == Saved()
    saved.save("goals", "", "goal_cpo=40", NOW)
    saved.save("goals", "", "goal_cpo=30", NOW)
    saved.save("view", "Monday", "/?days=7", NOW)
    saved.save("annotation", Annotation(DAY, "price raised").name, "", NOW)
    saved.save("group", "Paid", '["Display", "Search"]', NOW)
    groups = {"Paid": ["Display", "Search"]}
    assert saved.read() == Saved("goal_cpo=30", {"Monday": "/?days=7"}, (Annotation(DAY, "price raised"),), groups)
    assert saved.read().group_of == {"Display": "Paid", "Search": "Paid"}
    saved.delete("view", "Monday")
    saved.delete("annotation", f"{DAY} price raised")
    saved.delete("goals", "")
    assert saved.read() == Saved(groups=groups)


@pytest.mark.parametrize(
    ("kind", "name", "value", "why"),
    [
        ("view", "Monday", "/?days=30", "already one called “Monday”"),
        ("group", "Ads", '["Search"]', "Search is in the group “Paid” already"),
        ("view", "", "/", "1 to 120 characters"),
        ("view", "a\nb", "/", "1 to 120 characters"),
        ("view", "a" * 121, "/", "1 to 120 characters"),
    ],
)
def test_a_name_that_is_taken_or_none_and_a_channel_of_two_groups_are_refused(
    saved: SavedThings, kind: str, name: str, value: str, why: str
) -> None:
    saved.save("view", "Monday", "/?days=7", NOW)
    saved.save("group", "Paid", '["Search"]', NOW)
    before = saved.read()
    with pytest.raises(NotSavedError, match=why):
        saved.save(kind, name, value, NOW)  # type: ignore[arg-type]  # one of its literals
    assert saved.read() == before


def test_of_writers_at_once_nobody_loses_anything_and_one_gets_a_name(database_url: str) -> None:
    refused = list[str]()

    def write(writer: int) -> None:
        things = SavedThings(database_url)
        for number in range(5):
            things.save("view", f"{writer}-{number}", "/", NOW)
        try:
            things.save("view", "for one of them", f"/?days={writer}", NOW)
        except NotSavedError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = {f"{writer}-{number}" for writer in range(4) for number in range(5)}
    assert set(SavedThings(database_url).read().views) == {*names, "for one of them"}
    assert len(refused) == 3


def test_each_data_set_has_its_own(database_url: str, saved: SavedThings) -> None:
    saved.save("view", "Monday", "/", NOW)
    assert SavedThings(database_url, "other__").read() == SavedThings(database_url).read() == Saved()


# Who may


@pytest.mark.parametrize("origin", [None, "null", "http://evil.test", "http://localhost"])
def test_what_another_site_sends_is_refused(address: str, saved: SavedThings, origin: str | None) -> None:
    code, _ = refusal(post, address, origin, kind="view", name="x", back="/")
    assert code == 403
    assert saved.read() == Saved()


def test_nothing_can_be_saved_unless_it_is_allowed_but_what_is_saved_holds(
    shown: AssetStorage, saved: SavedThings
) -> None:
    saved.save("goals", "", "goal_cpo=40", NOW)
    saved.save("view", "Monday", "/?model=linear", NOW)
    with running_dashboard(shown, saved=saved) as address:
        found = page(address)[1]
        assert '<form class="save"' not in found
        assert 'name="goal_cpo" form="choices" value="40"' in found
        assert page(f"{address}/views/Monday")[0] == f"{address}/?model=linear"
        code, _ = refusal(post, address, kind="view", name="x", back="/")
        assert code in {404, 405}


def test_a_form_that_is_too_long_is_refused(address: str) -> None:
    code, _ = refusal(post, address, kind="view", name="x" * 100_000, back="/")
    assert code == 413


def test_the_way_back_leads_to_no_other_site(address: str) -> None:
    assert post(address, kind="view", name="x", back="//evil.test/?days=7")[0] == f"{address}/"
    assert post(address, kind="view", name="y", back="https://evil.test/")[0] == f"{address}/"
    assert post(address, kind="view", name="z", back="///?days=7")[0] == f"{address}/"


# Where it holds


def test_saved_goals_hold_on_every_link_that_says_no_others(address: str) -> None:
    back, _ = post(address, kind="goals", back="/?goal_cpo=40&goal_roas.Search=3&margin=50")
    assert back == f"{address}/"
    for path in ("/", "/?model=linear"):
        found = page(address + path)
        assert found[0] == address + path
        assert "These are the saved goals" in found[1]
        assert 'name="goal_cpo" form="choices" value="40"' in found[1]
        assert 'name="margin" form="choices" value="50"' in found[1]
    others = page(f"{address}/?goal_cpo=10")[1]
    assert 'name="goal_cpo" form="choices" value="10"' in others
    assert '<a href="/?">back to the saved goals</a>' in others
    none = page(f"{address}/?goals=none&goal_cpo=&margin=50")
    assert none[0] == f"{address}/?goals=none"
    assert 'name="goal_cpo" form="choices" value=""' in none[1]


def test_a_view_is_what_was_shown_and_has_an_address_of_its_own(address: str) -> None:
    post(address, kind="view", name="Linear / weekly", back="/?model=linear&by=week")
    for link in ("/views/Linear%20/%20weekly", "/views/Linear%20%2F%20weekly"):
        assert page(address + link)[0] == f"{address}/?model=linear&by=week"
    assert '<a href="/views/Linear%20%2F%20weekly">Linear / weekly</a>' in page(address)[1]
    for no_path in (".", ".."):
        code, _ = refusal(post, address, kind="view", name=no_path, back="/")
        assert code == 409
    code, _ = refusal(post, address, kind="view", name="Linear / weekly", back="/")
    assert code == 409
    post(address, kind="view", name="Linear / weekly", back="/", delete="yes")
    code, _ = refusal(page, f"{address}/views/Linear%20/%20weekly")
    assert code == 404


def test_an_annotation_stands_in_charts_and_in_the_figures_of_its_day(address: str) -> None:
    text = "price <b>raised</b>"
    post(address, kind="annotation", name=text, day=str(DAY), back="/")
    found = page(address)[1]
    assert f'"marks": [{{"number": "1", "t": "{DAY}"}}]' in found
    assert "2024-02-26: price &lt;b&gt;raised&lt;/b&gt;" in found
    rows = list(csv.DictReader(io.StringIO(page(f"{address}/download/overview/over_time.csv")[1])))
    assert [row["note"] for row in rows] == [f"provisional, {text}"]
    for fields, why in (({"day": "soon", "name": "x"}, "takes a day"), ({"day": str(DAY), "name": " "}, "a text")):
        _, said = refusal(post, address, kind="annotation", back="/", **fields)
        assert why in said


def test_a_group_of_channels_stands_in_their_place_on_every_page_and_in_downloads(address: str) -> None:
    post(address, kind="group", name="Paid", back="/?channel=Display&channel=Search")
    rows = list(csv.DictReader(io.StringIO(page(f"{address}/download/overview/channels.csv?grouped=yes")[1])))
    assert [(row["of_channels"], row["channel_name"], row["cost"], row["orders"], row["revenue"]) for row in rows] == [
        ("groups", "Paid", "32.0", "1.0", "100.0")
    ]
    chosen = page(f"{address}/?channel=Search&grouped=yes")
    assert chosen[0] == f"{address}/?channel=Paid&grouped=yes"
    assert "Channels: 1 of 1" in chosen[1]
    assert "Paid \N{MULTIPLICATION SIGN}2" in page(f"{address}/journeys?grouped=yes")[1]
    _, said = refusal(post, address, kind="group", name="All", back="/")
    assert "Choose the channels of the group" in said


def test_only_chosen_orders_are_shown_and_downloads_say_so(address: str) -> None:
    found = page(f"{address}/?order.market=north&model=linear")[1]
    assert "Only orders with market “north”." in found
    assert "No channel loses money" not in found
    columns = re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', found[found.index('<table id="weekdays">') :])
    assert columns[:5] == ["Weekday", "Days", "Orders", "Revenue", "Channel"]
    for market, orders in (("north", "0.5"), ("(none)", "0.0")):
        query = urlencode({"order.market": market, "model": "linear"})
        with urllib.request.urlopen(f"{address}/download/overview/by_day.csv?{query}") as answer:  # noqa: S310  the same
            rows = list(csv.DictReader(io.StringIO(answer.read().decode())))
            named = answer.headers["Content-Disposition"]
        assert ("north" if market == "north" else "none") in named
        assert [(row["of_orders"], row["cost"], row["orders"], row["ROAS"]) for row in rows] == [
            (f"market={market}", "", orders, "")
        ] * 2
    _, said = refusal(page, f"{address}/?order.country=DE")
    assert "Orders have no dimension &#39;country&#39;" in said


@pytest.mark.parametrize(("query", "said"), [("", 0), ("?order.market=north", 1), ("?channel=Search", 1)])
def test_what_a_trained_model_expects_says_that_it_is_of_all_orders_and_channels(
    shown: AssetStorage, query: str, said: int
) -> None:
    frame = pd.DataFrame({"channel_name": ["Search"], "orders": [1.0]})
    expected = Table("expected", "E", [Column("channel_name", "Channel", "text"), Column("orders", "Orders")], frame)
    learned = LearnedModel("x", "2024-03-01", 1, expected)
    with running_dashboard(shown, order_dimensions=("market",), learned_model=lambda _: learned) as address:
        found = page(f"{address}/{query}")[1]
    assert "Expected, not answered by the API." in found
    assert found.count("Of all orders and channels, whatever is chosen above.") == said


def test_a_database_that_cannot_be_read_is_told_of_and_the_page_is_shown_all_the_same(
    shown: AssetStorage, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no database" * 100)
    things = SavedThings(f"sqlite:///{broken}")
    with pytest.raises(SavedError):
        things.read()
    with running_dashboard(shown, saved=things, allow_saving=True) as address:
        found = page(address)[1]
        assert "What has been saved cannot be read" in found
        assert 'id="channels"' in found
