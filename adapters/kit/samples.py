"""The samples an adapter is judged by: those of its contracts, or a folder of its own.

``valid/`` and ``invalid/`` hold one message per file. The name of an invalid one says the code it must be refused
with: ``read.missing--MaHoSo.json``; a ``park.…`` code says that it must be parked instead.
"""

import re
from pathlib import Path
from typing import Final, Literal

import msgspec

from contracts import catalog
from contracts.errors import CODES

Kind = Literal["valid", "invalid"]

_TYPES: Final = {"json": "application/json", "xml": "application/xml", "txt": "text/plain"}
_WORD: Final = re.compile(r"[a-z]+\.[a-z0-9_]+")


class Sample(msgspec.Struct, frozen=True):
    """One sample message: its file name, its exact bytes, the message type it belongs to, how it is sent."""

    name: str
    body: bytes
    type: str
    content_type: str

    def __str__(self) -> str:
        """Name the sample in test ids."""
        return self.name


def content_type_of(name: str, body: bytes) -> str:
    """The media type by the ending of the name, else by the first character."""
    known = _TYPES.get(name.rpartition(".")[2].lower())
    if known is not None:
        return known
    return "application/xml" if body.lstrip()[:1] == b"<" else "application/json"


def catalog_samples(types: tuple[str, ...], kind: Kind) -> list[Sample]:
    """The samples of every edition of every contract that these message types name."""
    found = []
    for identity in catalog.listing():
        message_type = f"{identity.standard}/{identity.name}"
        if message_type not in types:
            continue
        for name, body in catalog.get(*identity).samples(kind):
            found.append(Sample(f"{identity.edition}/{name}", body, message_type, content_type_of(name, body)))
    return found


def folder_samples(folder: Path, types: tuple[str, ...], kind: Kind) -> list[Sample]:
    """The samples below ``folder/<kind>``; a type is chosen by its last part in the path, else it is the first."""
    found = []
    for path in sorted((folder / kind).rglob("*")):
        if path.is_file():
            name = path.relative_to(folder / kind).as_posix()
            message_type = next((one for one in types if one.rpartition("/")[2] in name), types[0])
            body = path.read_bytes()
            found.append(Sample(name, body, message_type, content_type_of(name, body)))
    return found


def expected_code(name: str) -> str:
    """The code an invalid sample's file name asks for; a name without one is a mistake (ValueError)."""
    last = name.rpartition("/")[2]
    found = [word for word in _WORD.findall(last) if word in CODES]
    if not found:
        raise ValueError(f"the file name {name!r} names no code of the closed list")
    longest: str = max(found, key=len)
    return longest
