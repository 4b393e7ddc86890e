"""The account with the IHC API as it is configured: its key in one form, and to whom the key may go."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from attribution_assets.attribution.training.conversion_types import ConversionTypes
from attribution_assets.errors import ConfigurationError
from attribution_assets.resources import IhcApiAccount, resources_of
from attribution_assets.settings import Settings
from attribution_assets_tests.support.trained_types import trained

KEY = "Kx7/qT+key"
ELSEWHERE = "http://api.example:8080/v1/compute_ihc"

Account = Callable[..., IhcApiAccount]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    """`account(**variables)`: the account that these environment variables describe."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    for scheme in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(scheme, raising=False)
        monkeypatch.delenv(scheme.upper(), raising=False)

    def build(**variables: str) -> IhcApiAccount:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return resources_of(Settings.from_environment()).ihc_api

    return build


def test_the_key_is_hidden_in_the_url_however_it_is_written_there(account: Account) -> None:
    url = f"https://api.example/{quote(KEY, safe='')}/x?key={KEY}"
    for key in (KEY, f"{KEY}\n", f" {KEY}\r\n"):
        configured = account(IHC_API_URL=url, IHC_API_KEY=key)
        configured.check()
        assert configured.answered_by == "https://api.example/***/x?key=***"


def test_a_key_of_blanks_is_refused_rather_than_taken_for_none(account: Account) -> None:
    with pytest.raises(ConfigurationError, match="the key of the IHC API is empty"):
        account(IHC_API_KEY=" \n").check()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/x", "http://localhost:9/x", "http://[::1]:9/x", "https://a.example"]
)
def test_a_key_goes_to_this_machine_and_over_https(account: Account, url: str) -> None:
    account(IHC_API_URL=url, IHC_API_KEY=KEY).check()


def test_a_key_goes_to_another_host_in_clear_only_where_that_is_allowed(account: Account) -> None:
    account(IHC_API_URL=ELSEWHERE).check()  # without a key the embedded service answers
    with pytest.raises(ConfigurationError) as raised:
        account(IHC_API_URL=ELSEWHERE, IHC_API_KEY=KEY).check()
    assert str(raised.value) == (
        "IHC_API_URL begins with http://, so that IHC_API_KEY would go to api.example in clear: write https://, or set"
        " IHC_ALLOW_HTTP=on if nobody can listen on the way"
    )
    account(IHC_ALLOW_HTTP="on").check()
    with pytest.raises(ConfigurationError, match="IHC_ALLOW_HTTP is 'yes': it takes on or off"):
        account(IHC_ALLOW_HTTP="yes")


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize(
    "proxy",
    ["http://ann:s3c@ret@proxy:1", "ann:s3c/ret@proxy:1", "http://ann:s3c#ret@proxy", "http://ann:s3c%E2%82%AC@proxy"],
)
def test_a_proxy_that_cannot_be_used_is_said_without_showing_any_of_it(
    account: Account, variable: str, proxy: str
) -> None:
    configured = account(IHC_API_KEY=KEY, **{variable: proxy})
    with pytest.raises(ConfigurationError) as raised:
        configured.check()
    assert str(raised.value) == (
        f"{variable.upper()} cannot be used: write http://user:password@host:port, with what is special in user and"
        " password percent-encoded (/ @ : ? # %), and only characters of Latin-1 in them"
    )
    account(NO_PROXY="api.ihc-attribution.com").check()


@pytest.mark.parametrize("proxy", ["http://proxy:3128", "proxy:3128", "http://a:s%40r%C3%A9t@proxy", "ann:pw@proxy:1"])
def test_a_proxy_is_taken_with_and_without_a_password(account: Account, proxy: str) -> None:
    account(IHC_API_KEY=KEY, HTTPS_PROXY=proxy).check()


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_certificates_that_cannot_be_read_are_named_by_their_variable(
    account: Account, tmp_path: Path, variable: str
) -> None:
    file = tmp_path / "certificates.pem"
    advice = f". Name a file of PEM certificates, or unset {variable} for the usual ones"
    configured = account(**{variable: str(file)})
    with pytest.raises(ConfigurationError) as raised:
        configured.check()
    assert str(raised.value) == f"{variable} is '{file}': it cannot be read (No such file or directory){advice}"
    file.write_text("no certificate")
    with pytest.raises(ConfigurationError) as raised:
        configured.check()
    assert str(raised.value) == f"{variable} is '{file}': it holds no certificate that can be read{advice}"
    account(**{variable: str(tmp_path)}).check()


def test_without_a_key_a_conversion_type_that_is_not_trained_is_refused_with_those_that_are(
    account: Account, tmp_path: Path
) -> None:
    types = str(tmp_path)
    ConversionTypes(types).write(trained("returning"))
    account(ATTRIBUTION_CONVERSION_TYPES=types, IHC_CONV_TYPE_ID="returning").check()
    unknown = account(ATTRIBUTION_CONVERSION_TYPES=types, IHC_CONV_TYPE_ID="new")
    with pytest.raises(ConfigurationError) as raised:
        unknown.check()
    assert str(raised.value) == (
        "IHC_CONV_TYPE_ID is 'new', and without IHC_API_KEY the embedded service answers, which knows only 'default',"
        " 'returning': train it with `attribution-assets train`, or set IHC_API_KEY"
    )
    account(IHC_API_KEY=KEY).check()


def test_training_anew_changes_the_settings_of_its_type_only(account: Account, tmp_path: Path) -> None:
    types = ConversionTypes(str(tmp_path))
    configured = account(ATTRIBUTION_CONVERSION_TYPES=str(tmp_path))
    types.write(trained("new"))
    before = configured.settings, configured.settings_with("new")
    types.write(trained("new", number=1))
    assert configured.settings == before[0]
    assert configured.settings_with("new") != before[1]


def test_the_settings_of_a_day_are_those_of_its_orders_conversion_types(account: Account) -> None:
    plain = account(IHC_API_KEY=KEY)
    mapped = account(IHC_CONVERSION_TYPES='{"new": "N", "returning": "R", "gift": "R"}')
    assert mapped.settings_of(()) == mapped.settings_of(("",)) == plain.settings == plain.settings_of(())
    assert mapped.settings_of(("new",)) == mapped.settings_with("N")
    assert mapped.settings_of(("gift", "returning")) == mapped.settings_with("R")
    several = [mapped.settings_of(values) for values in (("", "new"), ("new", "returning"), ("", "gift"), ("other",))]
    assert len({*several, plain.settings}) == 5
    changed = account(IHC_CONVERSION_TYPES='{"new": "N", "returning": "S"}')
    assert changed.settings_of(("", "new")) == mapped.settings_of(("", "new"))
    assert changed.settings_of(("returning",)) != mapped.settings_of(("returning",))
