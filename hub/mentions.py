"""Finding a dossier's codes in bytes that nobody could read as a message: what was refused is kept as it came."""

import json
import re
from collections.abc import Iterable
from typing import Final
from unicodedata import normalize

SHORTEST: Final = 6
"""Codes shorter than this are not looked for: they would be found in messages about other people."""


class Mentions:
    """Whether some bytes name one of these codes: as UTF-8 or UTF-16, as it is or escaped as in JSON, in any case."""

    def __init__(self, codes: Iterable[str]) -> None:
        forms: dict[bytes, None] = {}
        for code in codes:
            if len(code) >= SHORTEST:
                for text in _spellings(code):
                    forms.update(
                        dict.fromkeys(text.encode(form).lower() for form in ("utf-8", "utf-16-le", "utf-16-be"))
                    )
        names = b"|".join(re.escape(form) for form in forms)
        self._pattern = re.compile(rb"(?<![0-9A-Za-z])(?:" + names + rb")(?![0-9A-Za-z])") if forms else None

    def __contains__(self, content: bytes) -> bool:
        return self._pattern is not None and self._pattern.search(content.lower()) is not None


def _spellings(code: str) -> list[str]:
    """In both Unicode normal forms, in every case, plain and escaped."""
    cased = [form(normalize(normal, code)) for normal in ("NFC", "NFD") for form in (str, str.lower, str.upper)]
    return list(dict.fromkeys([*cased, *(json.dumps(text)[1:-1] for text in cased)]))
