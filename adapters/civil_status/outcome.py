"""``ketQuaXuLy``: what a finished registration issued, a JSON string of the registered form with the scanned paper."""

from base64 import b64decode
from binascii import Error as Base64Error
from hashlib import sha256
from typing import Any, Final

import msgspec

from contracts import strict_json
from contracts.errors import MessageRefused
from contracts.facts import Document

PAPERS: Final = {"giayKhaiSinh": "Giấy khai sinh", "giayKhaiTu": "Trích lục khai tử"}
"""Members that hold the scanned paper as Base64, and what the paper is called."""

_CARRIED: Final = frozenset((*PAPERS, "maGiayToKetQua", "soDangKy"))


class Outcome(msgspec.Struct, frozen=True):
    """What a status says of its result: as papers, or as plain ``text``.

    ``incomplete``: the registered form came along; it repeats what the submission holds and is kept in the raw bytes.
    """

    results: tuple[Document, ...] = ()
    text: str = ""
    incomplete: bool = False


_NOTHING: Final = Outcome()


def read_outcome(value: object) -> Outcome:
    """Read the member in any of its shapes; what is not the known JSON is kept as text."""
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return _NOTHING
        if not text.startswith("{"):
            return Outcome(text=text)
        try:
            value = strict_json.decode(text.encode())
        except MessageRefused:
            return Outcome(text=text)
    if not isinstance(value, dict):
        return _NOTHING
    return _papers(value)


def _papers(value: dict[str, Any]) -> Outcome:
    results: list[Document] = []
    for name, called in PAPERS.items():
        if name not in value:
            continue
        content = value[name] if isinstance(value[name], str) else ""
        results.append(
            Document(
                name=called,
                id=str(value.get("soDangKy") or ""),
                result_code=str(value.get("maGiayToKetQua") or ""),
                content_sha256=_digest(content),
            )
        )
    return Outcome(tuple(results), incomplete=bool(value.keys() - _CARRIED))


def _digest(content: str) -> str:
    """SHA-256 of the paper, "" where the text is not Base64: some senders put a sentence there."""
    try:
        return sha256(b64decode("".join(content.split()), validate=True)).hexdigest() if content else ""
    except (Base64Error, ValueError):
        return ""
