"""Every setting takes what it can use, and names itself in one line about what it cannot."""

import datetime as dt
import os

import pytest

from attribution_assets.errors import ConfigurationError
from attribution_assets.resources import resources_of
from attribution_assets.settings import Settings, currency

DIGITS = "9" * 5000
NUMBERS = {
    "IHC_MAX_JOURNEYS_PER_REQUEST": 1_000_000,
    "IHC_MAX_SESSIONS_PER_REQUEST": 1_000_000,
    "IHC_MAX_CONCURRENT_REQUESTS": 1_000,
    "IHC_MAX_REQUESTS_PER_RUN": 1_000_000_000,
    "ATTRIBUTION_LOOKBACK_DAYS": 3650,
}
NO_NUMBERS = (
    "0",
    "-1",
    "+1",
    "1.0",
    "1e3",
    "1_000",
    "0x10",
    "1 ",
    " ",
    "٣",
    "²",
    "many",
    "true",
    "NaN",
    "1e308",
    DIGITS,
)
NO_DATES = (
    *("0001-01-01", "1969-12-31", "2100-01-01", "9999-12-31", "10000-01-01", "-1-01-01"),
    *("2024-02-30", "2024-2-3", "20240203", "2024-W05-6", "2024-02-03T00:00", " 2024-02-03", "٢٠٢٤-٠٢-٠٣", "today"),
    *("0", "1e308", "NaN", DIGITS),
)

NO_THRESHOLD = "has a receive_threshold of closer that is not a number from 0 to 1"


def settings(monkeypatch: pytest.MonkeyPatch, variable: str, text: str) -> Settings:
    monkeypatch.setenv(variable, text)
    return Settings.from_environment()


def said(monkeypatch: pytest.MonkeyPatch, variable: str, text: str) -> str:
    """What is said of a value that cannot be used."""
    with pytest.raises(ConfigurationError) as raised:
        resources_of(settings(monkeypatch, variable, text)).ihc_api.check()
    words = str(raised.value)
    assert words.isprintable()
    assert len(words) < 250
    return words


def in_quotes(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


@pytest.mark.parametrize(("variable", "most"), NUMBERS.items())
@pytest.mark.parametrize("text", [*NO_NUMBERS, "most + 1"])
def test_what_is_no_whole_number_in_its_range_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, most: int, text: str
) -> None:
    text = text.replace("most + 1", str(most + 1))
    words = f"{variable} is {in_quotes(text)}: it takes a whole number from 1 to {most}"
    assert said(monkeypatch, variable, text) == words


@pytest.mark.parametrize(("variable", "most"), NUMBERS.items())
def test_whole_numbers_up_to_the_largest_are_taken(monkeypatch: pytest.MonkeyPatch, variable: str, most: int) -> None:
    attribute = variable.removeprefix("ATTRIBUTION_").lower()
    for text, number in (("1", 1), ("007", 7), (str(most), most)):
        assert getattr(settings(monkeypatch, variable, text), attribute) == number


@pytest.mark.parametrize("text", NO_DATES)
def test_what_is_no_day_that_a_calendar_may_have_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert said(monkeypatch, "ATTRIBUTION_START_DATE", text) == (
        f"ATTRIBUTION_START_DATE is {in_quotes(text)}: it takes a date written YYYY-MM-DD, from 1970-01-01 to"
        " 2099-12-31"
    )


@pytest.mark.parametrize("text", ["1970-01-01", "2024-02-29", "2099-12-31"])
def test_a_calendar_may_begin_on_these_days(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert settings(monkeypatch, "ATTRIBUTION_START_DATE", text).first_day == dt.date.fromisoformat(text)


@pytest.mark.parametrize("text", ["-0.1", "1.1", "1e308", "NaN", "inf", "-inf", "true", "half", "0,5", DIGITS, "{}"])
def test_what_is_no_share_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert said(monkeypatch, "ATTRIBUTION_MAX_REJECTED_SHARE", text) == (
        f"ATTRIBUTION_MAX_REJECTED_SHARE is {in_quotes(text)}: it takes a number from 0 to 1"
    )


@pytest.mark.parametrize("text", ["24", "-1", "5.0", "005", "٣", "true", "NaN", DIGITS])
def test_what_is_no_hour_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert said(monkeypatch, "ATTRIBUTION_DAILY_HOUR", text) == (
        f"ATTRIBUTION_DAILY_HOUR is {in_quotes(text)}: it takes a whole number from 0 to 23"
    )


@pytest.mark.parametrize("text", ["On", "1", "true", " on", DIGITS])
def test_a_switch_is_on_or_off(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert said(monkeypatch, "IHC_ALLOW_HTTP", text) == f"IHC_ALLOW_HTTP is {in_quotes(text)}: it takes on or off"


@pytest.mark.parametrize("text", ["euro", "eur", "€", "EURO", DIGITS])
def test_a_currency_is_an_iso_code_or_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("ATTRIBUTION_CURRENCY", "EUR")
    assert currency() == "EUR"
    monkeypatch.setenv("ATTRIBUTION_CURRENCY", "")
    assert currency() == ""
    monkeypatch.setenv("ATTRIBUTION_CURRENCY", text)
    with pytest.raises(ConfigurationError, match="it takes an ISO code such as EUR"):
        currency()


@pytest.mark.parametrize("text", ["JSON", "xml", DIGITS])
def test_logs_are_text_or_json(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    words = f"ATTRIBUTION_LOG_FORMAT is {in_quotes(text)}: it takes text or json"
    assert said(monkeypatch, "ATTRIBUTION_LOG_FORMAT", text) == words


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("{'a': 1}", "is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        *((text, "is not a JSON object") for text in ("[]", "1", '"text"', "true", "null")),
        *((f'{{"a": [{each}]}}', "holds NaN or a number too large for JSON") for each in ("NaN", "-Infinity", "1e999")),
        (f'{{"a": {DIGITS}}}', "holds a number with too many digits"),
        ('{"a": ' + "[" * 20 + "]" * 20 + "}", "is nested more than 20 levels deep"),
        ('{"a": ' + "[" * 30_000 + "]" * 30_000 + "}", "is nested more than 20 levels deep"),
        ('{"a":' * 10_000 + "1" + "}" * 10_000, "is nested more than 20 levels deep"),
        ('{"holder": []}', "has a holder that is not a JSON object"),
        *(
            (f'{{"closer": {{"receive_threshold": {value}}}}}', NO_THRESHOLD)
            for value in ("true", '"0.5"', "null", "-0.1", "1.5", "1e308")
        ),
        ('{"holder": {"direction": 1}}', "has a direction of holder that is not text"),
        (
            '{"initializer": {"redistribution_channel_labels": "Direct"}}',
            "has redistribution_channel_labels of initializer that are not a list of texts",
        ),
    ],
)  # fmt: skip
def test_a_redistribution_parameter_that_cannot_be_used_is_refused(
    monkeypatch: pytest.MonkeyPatch, text: str, problem: str
) -> None:
    assert said(monkeypatch, "IHC_REDISTRIBUTION_PARAMETER", text) == f"IHC_REDISTRIBUTION_PARAMETER {problem}"


def test_a_redistribution_parameter_is_taken_with_keys_that_are_not_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    phase = '{"direction": "any_session", "receive_threshold": 0.5, "redistribution_channel_labels": ["Direct"]}'
    text = f'{{"initializer": {phase}, "holder": {{"receive_threshold": 1}}, "new": {"[" * 18}1e308{"]" * 18}}}'
    resources_of(settings(monkeypatch, "IHC_REDISTRIBUTION_PARAMETER", text)).ihc_api.check()


def test_a_variable_in_another_encoding_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("ATTRIBUTION_DATABASE_URL", "IHC_API_KEY", "ATTRIBUTION_DIRECT_CHANNELS"):
        with monkeypatch.context() as context:
            context.setitem(os.environb, variable.encode(), b"B\xfccher")
            assert (
                said(context, "IHC_CONV_TYPE_ID", "x")
                == f"{variable} holds bytes that are not in UTF-8: set it in UTF-8"
            )


def test_conversion_types_of_orders_are_a_json_object_of_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings(monkeypatch, "IHC_CONVERSION_TYPES", '{" new ": "first orders", "returning": "later"}')
    assert found.ihc_conversion_types == {"new": "first orders", "returning": "later"}
    demo = settings(monkeypatch, "IHC_CONVERSION_TYPES", "").ihc_conversion_types
    assert demo == {"new": "default", "returning": "default"}
    assert settings(monkeypatch, "ATTRIBUTION_DATABASE_URL", "sqlite:///shop.db").ihc_conversion_types == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("new=first", ": it is no JSON (Expecting value: line 1 column 1 (char 0))"),
        ("[]", ': it takes a JSON object such as {"new": "new_customers"}'),
        ('[["new", "first"]]', ': it takes a JSON object such as {"new": "new_customers"}'),
        ('"new"', ': it takes a JSON object such as {"new": "new_customers"}'),
        ('{"new": 1}', ": each value and each conversion type has to be a text that is not empty"),
        ('{"": "first"}', ": each value and each conversion type has to be a text that is not empty"),
        ('{"new": "a", "new ": "b"}', ": 'new' is there twice"),
    ],
)
def test_conversion_types_of_orders_that_cannot_be_used_are_refused(
    monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    assert said(monkeypatch, "IHC_CONVERSION_TYPES", text) == f"IHC_CONVERSION_TYPES is {in_quotes(text)}{words}"


def test_dimensions_are_columns_in_lower_case_with_commas_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTRIBUTION_DIMENSIONS", " Campaign, country ,")
    found = settings(monkeypatch, "ATTRIBUTION_ORDER_DIMENSIONS", "market,conversion_type")
    assert (found.dimensions, found.order_dimensions) == (("campaign", "country"), ("market", "conversion_type"))
    assert found.windows.dimensions == ("campaign", "country")
    without = Settings()
    assert (without.dimensions, without.order_dimensions) == ((), ())


@pytest.mark.parametrize(
    ("variable", "text", "words"),
    [
        (
            "DIMENSIONS",
            "campaign,channel_name",
            "names 'channel_name', which has a meaning of its own: name other columns",
        ),
        ("DIMENSIONS", "session_id", "names 'session_id', which has a meaning of its own: name other columns"),
        ("DIMENSIONS", "Cost", "names 'cost', which has a meaning of its own: name other columns"),
        ("DIMENSIONS", "session_time", "names 'session_time', which has a meaning of its own: name other columns"),
        (
            "ORDER_DIMENSIONS",
            "conversion_time",
            "names 'conversion_time', which has a meaning of its own: name other columns",
        ),
        ("ORDER_DIMENSIONS", "id_rows", "names 'id_rows', which has a meaning of its own: name other columns"),
        ("ORDER_DIMENSIONS", "refunded", "names 'refunded', which has a meaning of its own: name other columns"),
        ("DIMENSIONS", "campaign,country,CAMPAIGN", "names 'campaign' twice: leave one of them"),
        ("ORDER_DIMENSIONS", "it's", 'names "it\'s": it takes names of columns, separated by commas'),
        ("DIMENSIONS", "a,,$b", "names '$b': it takes names of columns, separated by commas"),
    ],
)
def test_dimensions_that_cannot_be_used_are_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, words: str
) -> None:
    assert said(monkeypatch, f"ATTRIBUTION_{variable}", text) == f"ATTRIBUTION_{variable} {words}"


def test_a_dimension_is_either_of_visits_or_of_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTRIBUTION_DIMENSIONS", "market")
    assert said(monkeypatch, "ATTRIBUTION_ORDER_DIMENSIONS", "market") == (
        "ATTRIBUTION_ORDER_DIMENSIONS names 'market', which is a dimension of visits and of orders then: leave one of"
        " them"
    )
