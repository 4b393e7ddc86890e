"""Secrets are hidden in texts, in whichever form they stand there."""

import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution_assets.attribution.masking import masked, passwords_in

FORMS = {
    "as it is": str,
    "percent-encoded": lambda secret: quote(secret, safe=""),
    "percent-encoded but for slashes": quote,
    "percent-encoded in lower case": lambda secret: "".join(f"%{byte:02x}" for byte in secret.encode()),
    "as a form": quote_plus,
    "as JSON": lambda secret: json.dumps(secret)[1:-1],
    "as JSON in UTF-8": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    "as Python shows it": lambda secret: repr(secret)[1:-1],
    "as HTML": html.escape,
    "on one line": lambda secret: " ".join(secret.split()),
}
SECRETS = ["Kx7/qT+distinctive=%key&Zp9", "pä55 w@rd\nof 'two' \"lines\"", "🔑\\back$lash(<>)", "a%40b", "^[x]*.$"]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_hidden_in_each_form(form: str, secret: str) -> None:
    shown = FORMS[form](secret)
    assert masked(f"of {shown}, {shown}: no", [f"  {secret}\r\n"]) == "of ***, ***: no"


@given(st.text(min_size=1).filter(str.strip), st.sampled_from(sorted(FORMS)), st.text(), st.text())
def test_any_secret_is_hidden_in_any_text(secret: str, form: str, before: str, after: str) -> None:
    secret = secret.encode(errors="replace").decode().strip()
    assert "***" in masked(f"{before}{FORMS[form](secret)}{after}", [secret])


def test_what_is_no_secret_stays() -> None:
    text = "http://127.0.0.1:8700/v1?a=b, mail to ann@shop.example: 100 % of [x] in C:\\Temp"
    assert masked(text, ["", " \n", "other"]) == text
    assert masked("KEY key", ["key"]) == "KEY ***"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("proxy http://ann:pw@proxy:3128 refused", "proxy http://***@proxy:3128 refused"),
        ("'http://ann:p@s/s?w#d@proxy:3128'", "'http://***@proxy:3128'"),
        ("postgresql://h/db?user=u&password=pw&x=1", "postgresql://h/db?user=u&password=***&x=1"),
        ("abfs://container@account.dfs.example/x", "abfs://container@account.dfs.example/x"),
    ],
)
def test_user_and_password_of_any_url_are_hidden(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    ("url", "passwords"),
    [
        ("postgresql://ann:p%40ss@host/db", {"p%40ss", "p@ss"}),
        ("postgresql://ann:p@s:s/w@host:5432/db", {"p@s:s/w"}),
        ("postgresql://host/db?password=a%20b&sslpassword=c", {"a%20b", "a b", "c"}),
        ("http://ann@proxy", set()),
        ("https://host:8080/path", set()),
        ("sqlite:////data/shop.db", set()),
    ],
)
def test_the_passwords_of_a_url_are_found_as_they_stand_and_decoded(url: str, passwords: set[str]) -> None:
    assert set(passwords_in(url)) == passwords
