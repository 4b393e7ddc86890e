"""Text from outside, such as a channel's name, as people read it in terminals, logs, Dagster's UI, charts, the page.

Tables and Parquet files hold such text as it is; how it stands in a CSV file is in `reporting/csv_text.py`.
"""

import unicodedata

_LONGEST_QUOTED = 60
LONGEST = 160
"""The most characters of a name or a value that are shown."""


def readable(text: object, longest: int | None = LONGEST) -> str:
    r"""The text on one line, each character that cannot be seen written as an escape such as `\x1b`.

    Such are control characters, those of zero width and those that turn the direction of text; blanks stay.

    Args:
        text: Any text, or what is to be shown as its text.
        longest: A longer result is cut in its middle to so many characters; None for any length.
    """
    shown = _visible(_cut(str(text), longest))
    return _cut(shown, longest)


def readable_lines(text: str) -> str:
    """The same of a text of any length, whose line breaks and tabs stay."""
    return "".join(letter if letter in "\n\t" else _visible(letter) for letter in text)


def quoted(text: str) -> str:
    """A value in quotes, on one line, cut where it is long."""
    return repr(text if len(text) <= _LONGEST_QUOTED else f"{text[: _LONGEST_QUOTED - 3]}...")


def _visible(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or unicodedata.category(letter) == "Zs" else _escape(letter) for letter in text
    )


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode()


def _cut(text: str, longest: int | None) -> str:
    if longest is None or len(text) <= longest:
        return text
    end = (longest - 1) // 4
    return f"{text[: longest - 1 - end]}…{text[-end:]}"
