"""The mapping of channel names: how its file is read, and what it makes of the names of a day."""

from pathlib import Path

import pandas as pd
import pytest
from upath import UPath

from attribution_assets.attribution.source.channel_names import ChannelNames, ChannelNamesError, read_channel_names

HEADER = "but has to be name,channel (separated by a comma)"
TWO = 'but has to have two, a name and its channel (put a value that holds a comma in "double quotes")'
ONE = "(case and blanks around a name do not count): leave one of them"


def mapping(tmp_path: Path, content: str | bytes) -> ChannelNames:
    path = tmp_path / "channels.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_channel_names(UPath(path))


@pytest.mark.parametrize(
    ("content", "channels"),
    [
        ("name,channel\ngoogle ads,Paid Search\nGoogleAds,Paid Search\n", ("google ads", "googleads")),
        ("\ufeffname,channel\r\ngoogle ads,Paid Search\r\n", ("google ads",)),
        (" Name , CHANNEL \n\n  Google ADS  ,  Paid Search  \n,\n", ("google ads",)),
        ('name,channel\n"search, google",Paid Search', ("search, google",)),
        ("name,channel\nSTRASSE,Paid Search\nstraße,Paid Search", ("strasse",)),
        ("name,channel\nodd\u2028name\x0c!,Paid Search", ("odd\u2028name\x0c!",)),
        ("name,channel\n", ()),
    ],
)
def test_spellings_are_read_in_any_case_and_without_blanks_around_them(
    tmp_path: Path, content: str, channels: tuple[str, ...]
) -> None:
    assert mapping(tmp_path, content).channels == dict.fromkeys(channels, "Paid Search")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", f"line 1: the header is '', {HEADER}"),
        ("name;channel\na;b", f"line 1: the header is 'name;channel', {HEADER}"),
        ("channel,name\na,b", f"line 1: the header is 'channel,name', {HEADER}"),
        ("name,channel\na\n", f"line 2: it has 1 values, {TWO}"),
        ("name,channel\na,b\nc,d,e\n", f"line 3: it has 3 values, {TWO}"),
        ("name,channel\na,b\n\nc, \n", "line 4: the channel is empty"),
        ("name,channel\n ,b\n", "line 2: the name is empty"),
        ("name,channel\nfb,A\nseo,SEO\n FB ,B\n", f"line 4: 'FB' is 'B' here, but 'A' in line 2 {ONE}"),
        ('name,channel\nfb,"Face\nbook"\n', "line 3: the channel 'Face\\nbook' holds a control character"),
        (
            "name,channel\nfb," + "\x1b" * 100,
            "line 2: the channel '" + "\\x1b" * 57 + "...' holds a control character",
        ),
        ('name,channel\nfb,"Facebook\n', "line 2: it is no CSV (unexpected end of data)"),
        ("name,channel\nfb,Bücher\n".encode("latin-1"), "line 2: it is not in UTF-8: save the file as UTF-8"),
        ("name,channel\n".encode("utf-16"), "line 1: it is not in UTF-8: save the file as UTF-8"),
    ],
)
def test_what_cannot_be_used_is_said_with_its_line(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(ChannelNamesError) as raised:
        mapping(tmp_path, content)
    assert str(raised.value) == message


def test_names_are_reported_as_their_channels_and_others_as_they_are() -> None:
    names = ChannelNames({"google ads": "Paid Search", "straße".casefold(): "Out of home"})
    sessions = pd.DataFrame({"channel_name": ["Google Ads", "STRASSE", "Direct", "google ads "], "cost": [1.0] * 4})
    assert list(names.reported(sessions)["channel_name"]) == ["Paid Search", "Out of home", "Direct", "Paid Search"]
    assert list(sessions["channel_name"]) == ["Google Ads", "STRASSE", "Direct", "google ads "]
    assert names.reported(sessions).dtypes.equals(sessions.dtypes)
    assert names.not_named(["Paid Search", "Direct", "Direct", "affiliate"]) == ["Direct", "affiliate"]
    assert ChannelNames().reported(sessions) is sessions
    assert ChannelNames().not_named(["Direct"]) == []


def test_only_what_applies_to_the_names_of_a_day_counts_for_the_day() -> None:
    before = ChannelNames({"fb": "Facebook", "seo": "Search"})
    after = ChannelNames({"fb": "Meta", "seo": "Search"})
    assert before.applied_to(["SEO", "Direct", None]) == after.applied_to([" seo "]) != ""
    assert before.applied_to(["FB", "SEO"]) != after.applied_to(["FB", "SEO"])
    assert before.applied_to(["Direct", None, 1]) == before.applied_to([]) == ChannelNames().applied_to(["fb"]) == ""
