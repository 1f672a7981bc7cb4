"""What somebody with the whole directory of a hub, wrapping key included, can still learn of a person."""

import base64
import json
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from hashlib import blake2b
from pathlib import Path
from shutil import copytree, ignore_patterns
from tempfile import TemporaryDirectory
from zlib import decompress

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.world import DiskFiles
from hub.world_seeded import SeededEntropy
from ledger.keys import wrapping_key
from ledger.keystore import SLOT_BITS, SLOTS
from ledger.leaf import BODY_PREFIX, RAW_PREFIX, commit_to
from ledger.vault import KEY_BYTES, glue_salt

_B64_BEARING = 3


def spellings(value: str) -> list[bytes]:
    """A value as it may lie about: both normal forms, cases, three encodings, escaped, base64 at any offset, hex."""
    texts = dict.fromkeys(
        form
        for normal in ("NFC", "NFD")
        for text in (unicodedata.normalize(normal, value),)
        for form in (text, text.upper(), text.lower(), json.dumps(text)[1:-1])
    )
    plain = dict.fromkeys(text.encode(name) for text in texts for name in ("utf-8", "utf-16-le", "utf-16-be"))
    coded: dict[bytes, None] = {}
    for one in plain:
        coded[one.hex().encode()] = coded[one.hex().upper().encode()] = None
        for offset in range(_B64_BEARING):
            text = base64.b64encode(b"\0" * offset + one)
            coded[text[4 if offset else 0 : len(text) // 4 * 4 - 4]] = None
    return [*plain, *coded]


def traces(wanted: Iterable[bytes], places: Mapping[str, bytes]) -> list[str]:
    """Where any of the byte strings occurs."""
    return [f"{one!r} in {name}" for one in wanted for name, content in places.items() if one in content]


def files_of(root: Path) -> dict[str, bytes]:
    """Every file below a directory, whole: free pages and write-ahead logs are part of that."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


class Attacker:
    """Has the directory; tries every key that is left on everything."""

    def __init__(self, root: Path, origin: str) -> None:
        self._aad = origin.encode() + b"\0"
        self.keys: dict[int, bytes] = {}
        self.salts: dict[bytes, None] = {}
        self.contents: dict[str, bytes] = {}
        self.unopened: list[tuple[str, bytes, bytes]] = []
        with TemporaryDirectory() as folder:  # a second SQLite on the hub's own files would take its locks away
            self._root = Path(folder) / "copy"
            copytree(root, self._root, ignore=ignore_patterns("*.sock"))
            self._read()

    def _read(self) -> None:
        wrapping = AESGCM(wrapping_key(DiskFiles(self._root), SeededEntropy("x"), create=False))
        with closing(sqlite3.connect(self._root / "keys.db")) as database:
            for block, wrapped in database.execute("SELECT id, wrapped FROM blocks"):
                opened = wrapping.decrypt(wrapped[:12], wrapped[12:], b"block\0" + block.to_bytes(8, "big"))
                for slot in range(SLOTS):
                    key = opened[slot * KEY_BYTES : (slot + 1) * KEY_BYTES]
                    if any(key):
                        self.keys[(block << SLOT_BITS) + slot] = key
            ((wrapped,),) = database.execute("SELECT wrapped FROM secrets WHERE name = 'hub'").fetchall()
            self.secret = wrapping.decrypt(wrapped[:12], wrapped[12:], b"hub")
        with closing(sqlite3.connect(self._root / "ledger.db")) as database:
            self._open_everything(database)
            self._fingerprints = {row[0] for row in database.execute("SELECT fingerprint FROM seen")}
            self._codes = {row[0] for row in database.execute("SELECT code FROM codes")}
            self.remembered = [row[0] for row in database.execute("SELECT content FROM message_ids")]
            self._commitments = {
                row[at : at + 32]
                for (row,) in database.execute("SELECT commitments FROM messages")
                for at in range(0, len(row), 32)
            }
            for (entry,) in database.execute("SELECT leaf FROM events"):
                self._commitments.update(bytes.fromhex(one["c"]) for one in msgspec.json.decode(entry)["pc"])

    def _open_everything(self, database: sqlite3.Connection) -> None:
        heads = dict(database.execute("SELECT stream, key_id FROM heads"))
        for position, stream, version, state in database.execute(
            "SELECT position, originator_id, originator_version, state FROM events"
        ):
            aad = self._aad + stream + (version - 1).to_bytes(8, "big") + b"body"
            self._try(f"event {position}", heads[stream], state, aad)
        for position, layout, sealed, stream, version in database.execute(
            "SELECT m.position, layout, sealed, originator_id, originator_version "
            "FROM messages m JOIN events e ON e.position = m.position"
        ):
            base = self._aad + stream + (version - 1).to_bytes(8, "big")
            for name, key, item, aad in _items(layout, sealed, base, heads):
                self._try(f"message {position} {name}", key, item, aad)

    def _try(self, name: str, key_id: int, sealed: bytes, aad: bytes) -> None:
        key = self.keys.get(key_id)
        plain = b"" if key is None else _opened(key, sealed, aad)
        if not plain:
            self.unopened.append((name, sealed, aad))
            return
        self.salts[plain[1:33]] = None
        content = plain[33:]
        self.contents[name] = decompress(content) if plain[:1] == b"\x01" else content
        if name.endswith("glue"):
            self.salts.update(dict.fromkeys(glue_salt(self.contents[name][:32], index) for index in range(512)))

    def opens_with_any_key(self) -> list[str]:
        """What did not open with its own key and does with another."""
        return [name for name, sealed, aad in self.unopened for key in self.keys.values() if _opened(key, sealed, aad)]

    def confirms(self, guess: bytes) -> bool:
        """Whether a guess of some exact content can be held to any commitment, by any salt that is left."""
        return any(
            commit_to(prefix, salt, guess) in self._commitments
            for salt in self.salts
            for prefix in (BODY_PREFIX, RAW_PREFIX)
        )

    def recognises(self, material: bytes) -> bool:
        """Whether what a record's fingerprint is taken over meets one, by any key that is left."""
        return any(
            blake2b(material, digest_size=16, key=key, person=b"fingerprint").digest() in self._fingerprints
            for key in self.keys.values()
        )

    def remembers(self, content: bytes, secrets: Iterable[bytes]) -> bool:
        """Whether a message's whole content meets what is kept to know it again, by what is left of its salts."""
        digest = blake2b(content, digest_size=32, person=b"content").digest()
        return any(
            blake2b(digest + secret, digest_size=16, key=self.secret, person=b"content").digest() in self.remembered
            for secret in (b"", *secrets)
        )

    def knows_code(self, lookup: str) -> bool:
        """Whether a lookup key of a dossier's code still leads anywhere, with the hub's own secret."""
        stem = blake2b(lookup[:-5].encode(), digest_size=4, key=self.secret, person=b"codes").digest()
        return stem + blake2b(lookup.encode(), digest_size=12, key=self.secret, person=b"code").digest() in self._codes


def _items(
    layout: bytes, sealed: bytes, base: bytes, heads: Mapping[bytes, int]
) -> Iterator[tuple[str, int, bytes, bytes]]:
    glue_key, at, parts = msgspec.msgpack.decode(layout)
    if at:
        yield "glue", glue_key, sealed[:at], base + b"glue"
    for index, part in enumerate(parts):
        if len(part) > 2:  # glue has no bytes of its own
            key = part[3] if isinstance(part[3], int) else heads[part[3]]
            yield str(index), key, sealed[at : at + part[2]], base + b"part" + index.to_bytes(4, "big")
            at += part[2]


def _opened(key: bytes, sealed: bytes, aad: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:12], sealed[12:], aad)
    except InvalidTag:
        return b""
