"""The exact bytes of a message, kept in parts: each with its own salt and commitment, sealed under whose data it is.

Parts of a dossier lie under the dossier's key. All glue of a message is sealed together under one key of that message;
every secret, attachment and refused body has a key of its own. Concatenated, the parts are the message.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final, Protocol

import msgspec

from contracts.errors import HubError, IntegrityViolation
from ledger.leaf import RAW_PREFIX, commit_to
from ledger.stores.store import MessageRow
from ledger.unit import NewPart
from ledger.vault import SALT_BYTES, DataKey, Vault, glue_salt

GLUE: Final = 0
DOSSIER: Final = 1
REFUSED: Final = 4
_ROLES: Final[dict[str, int]] = {"glue": GLUE, "dossier": DOSSIER, "secret": 2, "attachment": 3, "refused": REFUSED}
_LETTERS: Final = "gdsar"
_ENCODE: Final = msgspec.msgpack.Encoder().encode
_GLUE_ROLE: Final = b"glue"


class Layout(msgspec.Struct, array_like=True):
    """How a message's parts lie: key and sealed length of the glue, then per part [role, length, sealed length, key].

    The key of a dossier's part is the dossier's stream id; a part of its own has its key's id.
    """

    glue_key: int
    glue_sealed: int
    parts: list[tuple[Any, ...]]

    @property
    def owners(self) -> list[bytes]:
        """The streams of the dossiers that have a part here, each once."""
        return list(dict.fromkeys(part[3] for part in self.parts if part[0] == DOSSIER))

    @property
    def has_refused(self) -> bool:
        """Whether a part of it was refused."""
        return any(part[0] == REFUSED for part in self.parts)


_LAYOUT: Final = msgspec.msgpack.Decoder(Layout)


class SealedParts(msgspec.Struct, gc=False):
    """The parts of one message, ready to be stored. ``salts`` are those of the parts that are not glue, in order."""

    layout: bytes
    commitments: list[bytes]
    sealed: bytes
    opening: "Opening"
    own_keys: list[int]


class Opening(msgspec.Struct, frozen=True, gc=False):
    """What the holder of a message needs to show its parts: the salts, and how the parts lie."""

    shape: list[tuple[int, int]]
    """(role, length) of every part"""
    salts: list[bytes | None]
    """Per part; None for glue, whose salts come from ``seed``, and for what was erased."""
    seed: bytes

    def secret(self) -> bytes:
        """All salts and the seed: nobody can make this again once a part was erased."""
        return b"".join([salt for salt in self.salts if salt is not None]) + self.seed

    def text(self) -> dict[str, str]:
        """``layout``: role letter and length of every part; ``glue``: the seed; part number: salt. All hex."""
        opening = {str(i): salt.hex() for i, salt in enumerate(self.salts) if salt is not None}
        if self.seed:
            opening["glue"] = self.seed.hex()
        opening["layout"] = " ".join(f"{_LETTERS[role]}{length}" for role, length in self.shape)
        return opening


class Streams(Protocol):
    """What sealing needs to know of streams."""

    def key(self, stream: bytes) -> DataKey:
        """The data key of a stream."""
        ...

    def aad(self, stream: bytes, rev: int, role: bytes) -> bytes:
        """What binds a sealed item to its place."""
        ...


def seal_parts(streams: Streams, vault: Vault, parts: Sequence[NewPart], stream: bytes, rev: int) -> SealedParts:
    """Seal the parts of the message at (``stream``, ``rev``)."""
    base = streams.aad(stream, rev, b"part")
    seed = vault.draws.take(SALT_BYTES)
    glue: list[bytes] = []
    sealed: list[bytes] = []
    layout: list[tuple[Any, ...]] = []
    commitments: list[bytes] = []
    own_keys: list[int] = []
    salts: list[bytes | None] = []
    for index, part in enumerate(parts):
        content = part.content
        if part.role == "glue":
            salt = glue_salt(seed, index)
            salts.append(None)
            glue.append(content)
            layout.append((GLUE, len(content)))
        else:
            name: bytes | int
            if part.owner is not None:
                name = part.owner
                key = streams.key(name)
            else:
                key = vault.take(keep=False)
                name = key.id
                own_keys.append(name)
            salt, item = vault.seal(key, content, base + index.to_bytes(4, "big"))
            salts.append(salt)
            sealed.append(item)
            layout.append((_ROLES[part.role], len(content), len(item), name))
        commitments.append(sha256(RAW_PREFIX + salt + sha256(content).digest()).digest())
    glue_key = glue_sealed = 0
    if glue:
        key = vault.take(keep=False)
        own_keys.append(key.id)
        _, item = vault.seal(key, seed + b"".join(glue), streams.aad(stream, rev, _GLUE_ROLE))
        glue_key, glue_sealed = key.id, len(item)
        sealed.insert(0, item)
    opening = Opening([(row[0], row[1]) for row in layout], salts, seed if glue else b"")
    encoded = _ENCODE(Layout(glue_key, glue_sealed, layout))
    return SealedParts(encoded, commitments, b"".join(sealed), opening, own_keys)


class OpenPart(msgspec.Struct, frozen=True, gc=False):
    """One part, opened; ``content`` and ``salt`` are None where its key was destroyed."""

    role: int
    length: int
    salt: bytes | None
    content: bytes | None


def read_layout(row: MessageRow) -> Layout:
    """How the parts of a stored message lie."""
    return layout_of(row.position, row.layout)


def layout_of(position: int, stored: bytes) -> Layout:
    """How the parts of the message at a position lie, from what is stored of that."""
    try:
        return _LAYOUT.decode(stored)
    except msgspec.DecodeError as error:
        raise IntegrityViolation("ledger.corrupt", f"the layout of message {position} can not be read") from error


def open_parts(
    streams: Streams, vault: Vault, row: MessageRow, stream: bytes, rev: int
) -> tuple[list[OpenPart], bytes]:
    """Every part of the message at (``stream``, ``rev``), opened where its key still exists, and the glue's seed."""
    layout = read_layout(row)
    at = layout.glue_sealed
    seed, glue = _open_glue(streams, vault, layout, row.sealed[:at], stream, rev)
    base = streams.aad(stream, rev, b"part")
    glue_at = 0
    parts: list[OpenPart] = []
    for index, part in enumerate(layout.parts):
        role, length = part[0], part[1]
        if role == GLUE:
            content = None if glue is None else glue[glue_at : glue_at + length]
            salt = glue_salt(seed, index) if seed else None
            glue_at += length
        else:
            item = row.sealed[at : at + part[2]]
            at += part[2]
            salt, content = _open_item(streams, vault, part[3], item, base + index.to_bytes(4, "big"))
        parts.append(OpenPart(role, length, salt, content))
    return parts, seed


def _open_glue(
    streams: Streams, vault: Vault, layout: Layout, item: bytes, stream: bytes, rev: int
) -> tuple[bytes, bytes | None]:
    if not item:
        return b"", b""
    _, content = _open_item(streams, vault, layout.glue_key, item, streams.aad(stream, rev, _GLUE_ROLE))
    return (b"", None) if content is None else (content[:SALT_BYTES], content[SALT_BYTES:])


def _open_item(
    streams: Streams, vault: Vault, name: bytes | int, item: bytes, aad: bytes
) -> tuple[bytes | None, bytes | None]:
    try:
        key = vault.key(name) if isinstance(name, int) else streams.key(name)
    except HubError as error:
        if error.code == "vault.erased":
            return None, None
        raise
    return vault.open(key, item, aad)


def commitment_of(part: OpenPart) -> bytes | None:
    """The commitment an opened part leads to, None where it was erased."""
    if part.salt is None or part.content is None:
        return None
    return commit_to(RAW_PREFIX, part.salt, part.content)


def opening_of(parts: Sequence[OpenPart], seed: bytes) -> Opening:
    """The opening of a stored message, less what was erased."""
    salts = [None if part.role == GLUE else part.salt for part in parts]
    return Opening([(part.role, part.length) for part in parts], salts, seed)
