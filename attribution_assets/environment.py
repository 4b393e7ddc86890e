"""Switches in the environment; the secrets in the environment; what HTTP libraries read there.

Which variables the project is set by belongs in `settings.py`.
"""

import os
import ssl
from pathlib import Path
from urllib.parse import unquote

from attribution_assets.attribution.masking import masked, passwords_in
from attribution_assets.attribution.tables.readable import quoted
from attribution_assets.errors import ConfigurationError

SECRETS = (
    "IHC_API_KEY",
    "ATTRIBUTION_EMAIL_PASSWORD",
    "ATTRIBUTION_SLACK_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_CONNECTION_STRING",
    "AZURE_STORAGE_SAS_TOKEN",
    "PGPASSWORD",
    "DAGSTER_PG_PASSWORD",
)
"""The variables that are secrets as a whole; passwords in URLs are found in all variables."""

_named_by_data_sets: set[str] = set()

CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""The variables that name a file of trusted certificates; the first two may name a folder too."""

FEWEST_CHARACTERS = 4
"""A shorter password would be found in any word."""


def is_on(variable: str, default: str = "off") -> bool:
    """Whether a variable is on.

    Args:
        variable: the variable.
        default: what it is where it is not set.

    Raises:
        ConfigurationError: It is neither on nor off.
    """
    text = os.environ.get(variable) or default
    if text not in ("on", "off"):
        raise ConfigurationError(f"{variable} is {quoted(text)}: it takes on or off")
    return text == "on"


def require_text() -> None:
    """See that the values of this project's variables are text.

    Raises:
        ConfigurationError: One of them holds bytes that are not in UTF-8.
    """
    for name, value in os.environ.items():
        if name.startswith(("ATTRIBUTION_", "IHC_")) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:  # bytes that Python could not decode
                raise ConfigurationError(f"{name} holds bytes that are not in UTF-8: set it in UTF-8") from None


def is_secret_too(variable: str) -> None:
    """Have `without_secrets` hide what a variable holds, as a data set names it for its key."""
    _named_by_data_sets.add(variable)


def without_secrets(text: str) -> str:
    """The text with *** in place of the secrets that the environment holds."""
    secrets = [os.environ.get(name, "") for name in (*SECRETS, *_named_by_data_sets)]
    urls = [value for value in os.environ.values() if "://" in value]
    urls += [f"http://{value}" for name, value in os.environ.items() if _is_bare_proxy(name, value)]
    passwords = [password for url in urls for password in passwords_in(url)]
    return masked(text, [secret for secret in (*secrets, *passwords) if len(secret.strip()) >= FEWEST_CHARACTERS])


def _is_bare_proxy(name: str, value: str) -> bool:
    return name.lower().endswith("_proxy") and "@" in value and "://" not in value


def require_certificates() -> None:
    """See that the files of trusted certificates that the environment names can be used.

    Raises:
        ConfigurationError: One of them is missing, cannot be read or holds no certificate.
    """
    given = {name: text for name in CERTIFICATES if (text := os.environ.get(name))}
    problems = {text: _certificates_problem(Path(text)) for text in set(given.values())}
    for name, text in given.items():
        if problem := problems[text]:
            raise ConfigurationError(
                f"{name} is {text!r}: {problem}. Name a file of PEM certificates, or unset {name} for the usual ones"
            )


def _certificates_problem(path: Path) -> str:
    try:
        if path.is_dir():
            return ""
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        return "it holds no certificate that can be read"
    except (OSError, ValueError) as error:
        return f"it cannot be read ({getattr(error, 'strerror', None) or error})"
    return ""


def require_proxy_for(url: str) -> None:
    """See that the proxy that the environment names for a URL, if it names one, can be used.

    Raises:
        ConfigurationError: Its address cannot be read; nothing of it is shown, as any part may be of its password.
    """
    from requests.utils import get_environ_proxies  # noqa: PLC0415  # only runs that ask an API need it

    proxies = get_environ_proxies(url)
    name = next((name for name in (url.partition(":")[0].lower(), "all") if name in proxies), None)
    if name and not _is_proxy(proxies[name].strip()):
        raise ConfigurationError(
            f"{name.upper()}_PROXY cannot be used: write http://user:password@host:port, with what is special in user"
            " and password percent-encoded (/ @ : ? # %), and only characters of Latin-1 in them"
        )


def _is_proxy(address: str) -> bool:
    from urllib3.exceptions import LocationParseError  # noqa: PLC0415  # as above
    from urllib3.util import parse_url  # noqa: PLC0415  # as above

    address = address if "://" in address else f"http://{address}"
    user = address.partition("://")[2].rpartition("@")[0]
    try:
        unquote(user).encode("latin-1")  # how HTTP's basic authentication sends them
        host = parse_url(address).host
    except (LocationParseError, UnicodeError):
        return False
    return bool(host) and not any(character in user for character in "/@?# \t\r\n")
