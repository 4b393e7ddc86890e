"""Hides secrets in texts that people or programs read later: messages, names of endpoints, log lines.

A secret has one normal form: without the blanks and line breaks around it that a file adds. In a text it may stand as
it is, percent-encoded, or escaped for JSON, Python or HTML, also in parts. Which secrets there are is the caller's
affair.
"""

import html
import json
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import unquote

MASK = "***"

_BLANKS = r"(?:\s|\+|%20|%0[9aAdD]|\\[nrt])+"
_WORD = re.compile(r"[^\s'\"]+")
_USER = re.compile(r"://[^/@:]*:")
_PASSWORD_PARAMETER = re.compile(r"(?<=[?&])((?:ssl)?password=)[^&\s'\"]*", re.IGNORECASE)


def masked(text: str, secrets: Iterable[str] = ()) -> str:
    """The text with *** in place of each secret, in whichever form, and of user and password in any URL.

    Args:
        text: any text.
        secrets: the secrets; blanks around them do not count, and empty ones hide nothing.
    """
    for secret in sorted({secret.strip() for secret in secrets} - {""}, key=len, reverse=True):
        text = _any_form(secret).sub(MASK, text)
    return _PASSWORD_PARAMETER.sub(rf"\g<1>{MASK}", _WORD.sub(_without_credentials, text))


def _without_credentials(word: re.Match[str]) -> str:
    """A word of a text without the user and the password of the URL in it: in one pass, however long it is."""
    before, at, after = word[0].rpartition("@")
    user = _USER.search(before)
    return f"{before[: user.start() + 3]}{MASK}{at}{after}" if user else word[0]


def passwords_in(url: str) -> list[str]:
    """The passwords that a URL holds, as they stand there and decoded: before its last @, and as a parameter."""
    user, _, password = url.partition("://")[2].rpartition("@")[0].partition(":")
    found = [password] if user or password else []
    found += [parameter[0].partition("=")[2] for parameter in _PASSWORD_PARAMETER.finditer(url)]
    return [form for each in found if each for form in {each, unquote(each)}]


@lru_cache(maxsize=64)
def _any_form(secret: str) -> re.Pattern[str]:
    """What matches the secret with each of its characters in any form."""
    words = secret.split()
    return re.compile(_BLANKS.join("".join(map(_forms, word)) for word in words))


def _forms(character: str) -> str:
    """What matches one character, as it is or escaped; in escapes, the case of letters does not count."""
    percent = "".join(f"%{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
    escapes = {percent, f"&#{ord(character)};", html.escape(character)}
    escapes |= {json.dumps(character)[1:-1], repr(character)[1:-1]}
    if not character.isalnum():
        escapes.add(f"\\{character}")
    escaped = "|".join(map(re.escape, sorted(escapes - {character}, key=len, reverse=True)))
    return f"(?:(?i:{escaped})|{re.escape(character)})"
