"""Being a witness for other logs: the serving side of C2SP tlog-witness.

Of each log that is watched, the newest cosigned checkpoint is kept in a file of its own. Checking and keeping are one
step: nothing else runs between reading what is known and writing what is new, and the write is durable before the
cosignature leaves. A file that can not be read stops witnessing for its log: a witness that starts again from nothing
would vouch for a fork. What a watched log signed against what it signed before is kept as evidence.

Source: C2SP tlog-witness 1.0.
"""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final

import msgspec

from contracts.errors import IntegrityViolation, Misconfigured
from contracts.moment import MICROS_PER_SECOND
from contracts.ports import Clock, Entropy, Files, Signer
from ledger import merkle, note
from ledger.cosignature import COSIGNATURE_V1, WitnessKey, cosign
from ledger.keys import FileSigner
from ledger.witness import MOST_PROOF_LINES, SIZE_TYPE

MAX_REQUEST_BYTES: Final = 256 * 1024
WITNESS_KEY_FILE: Final = "keys/witness.key"
WITNESS_VKEY_FILE: Final = "keys/witness.vkey"
_FOLDER: Final = "witness/"
_CONFLICTS: Final = "witness/conflicts/"
_MOST_CONFLICTS: Final = 64
_MARK: Final = "PRIVATE+KEY+"
_TEXT: Final = "text/plain; charset=utf-8"
_HASH_BYTES: Final = 32
_SEED_BYTES: Final = 32
_OWNER_ONLY: Final = 0o600
_HEAD_LINES: Final = 3
_LARGEST: Final = (1 << 63) - 1


class Verdict(msgspec.Struct, frozen=True):
    """The HTTP answer: status, body, content type."""

    status: int
    body: str = ""
    content_type: str = _TEXT


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """The newest checkpoint cosigned of one log: root in hex, and the log's signed note."""

    origin: str
    size: int
    root: str
    note: str


class _Head(msgspec.Struct, frozen=True):
    """The three lines of a checkpoint that a witness vouches for."""

    origin: str
    size: int
    root: bytes


class _Asked(msgspec.Struct, frozen=True):
    """A request taken apart."""

    old: int
    proof: list[bytes]
    signed: str
    text: str
    head: _Head


def witness_signer(files: Files, entropy: Entropy, name: str) -> FileSigner:
    """The key this hub cosigns with, made and kept (mode 0600) where there is none yet; its vkey lies beside it.

    Raises:
        Misconfigured: ``config.invalid`` for a file that holds no such key, or another name's.
    """
    try:
        text = files.read(WITNESS_KEY_FILE).decode("utf-8", "replace").strip()
    except FileNotFoundError:
        seed = entropy.stream("witness-key").bytes(_SEED_BYTES)
        signer = FileSigner(name, seed)
        key = WitnessKey(name, signer.public_key())
        secret = b64encode(COSIGNATURE_V1 + seed).decode("ascii")
        private = f"{_MARK}{name}+{key.id.hex()}+{secret}\n"
        files.write_durable(WITNESS_KEY_FILE, private.encode(), mode=_OWNER_ONLY)
        files.write_durable(WITNESS_VKEY_FILE, f"{key.text()}\n".encode())
        return signer
    found, _, encoded = text.removeprefix(_MARK).partition("+")
    try:
        raw = b64decode(encoded.partition("+")[2], validate=True)
    except Base64Error:
        raw = b""
    if not text.startswith(_MARK) or len(raw) != _SEED_BYTES + 1:
        raise Misconfigured("config.invalid", "not a witness key", name=WITNESS_KEY_FILE)
    if found != name:
        raise Misconfigured("config.invalid", f"the key cosigns as {found}, not as {name}", name=WITNESS_KEY_FILE)
    return FileSigner(name, raw[1:])


class WitnessService:
    """Cosigns checkpoints of the logs in ``logs`` (origin → its keys) with one key."""

    def __init__(
        self, *, files: Files, signer: Signer, clock: Clock, logs: Mapping[str, Sequence[note.VerifierKey]]
    ) -> None:
        self._files = files
        self._signer = signer
        self._clock = clock
        self._logs = logs
        self.key: Final = WitnessKey(signer.name, signer.public_key())

    def add_checkpoint(self, body: bytes) -> Verdict:
        """Judge one request. One call is one atomic step; it writes before it answers 200 for a larger tree."""
        asked = _parse(body)
        if isinstance(asked, Verdict):
            return asked
        keys = self._logs.get(asked.head.origin)
        if keys is None:
            return Verdict(404, "this log is not watched here\n")
        try:
            note.open_note(asked.signed, keys)
        except IntegrityViolation as error:
            return Verdict(403, f"{error.detail}\n")
        if asked.old > asked.head.size:
            return Verdict(400, "old is larger than the checkpoint\n")
        return self._judge(asked)

    def _judge(self, asked: _Asked) -> Verdict:
        seen = self._seen(asked.head.origin)
        stands = seen.size if seen is not None else 0
        if asked.old != stands:
            return Verdict(409, f"{stands}\n", SIZE_TYPE)
        if seen is not None and asked.old == asked.head.size and bytes.fromhex(seen.root) != asked.head.root:
            self._keep_conflict(seen, asked.signed)
            return Verdict(409, f"{stands}\n", SIZE_TYPE)
        if not _proves(asked, seen):
            if seen is not None:
                self._keep_conflict(seen, asked.signed)
            return Verdict(422, "the consistency proof does not hold\n")
        if seen is None or asked.head.size > seen.size:
            self._keep(asked)
        at_s = self._clock.now() // MICROS_PER_SECOND
        return Verdict(200, cosign(asked.text, self._signer, at_s))

    def seen(self, origin: str) -> Seen | None:
        """The newest checkpoint cosigned of a log, None before the first."""
        return self._seen(origin)

    def _seen(self, origin: str) -> Seen | None:
        name = _file_of(origin)
        try:
            content = self._files.read(name)
        except FileNotFoundError:
            return None
        try:
            seen = msgspec.json.decode(content, type=Seen)
            root = bytes.fromhex(seen.root)
        except ValueError as error:
            raise IntegrityViolation("testimony.invalid", f"{name} can not be read") from error
        if seen.origin != origin or len(root) != _HASH_BYTES or seen.size < 0:
            raise IntegrityViolation("testimony.invalid", f"{name} is not of {origin}")
        return seen

    def _keep(self, asked: _Asked) -> None:
        seen = Seen(origin=asked.head.origin, size=asked.head.size, root=asked.head.root.hex(), note=asked.signed)
        self._files.write_durable(_file_of(seen.origin), msgspec.json.encode(seen))

    def _keep_conflict(self, seen: Seen, signed: str) -> None:
        """Two notes that the log's own key signed and that can not both be true, or a proof that fails: evidence."""
        content = (seen.note + "\n" + signed).encode()
        name = f"{_CONFLICTS}{sha256(content).hexdigest()}.txt"
        kept = self._files.list(_CONFLICTS)
        if name not in kept and len(kept) < _MOST_CONFLICTS:
            self._files.write_durable(name, content)


def _file_of(origin: str) -> str:
    return f"{_FOLDER}{sha256(origin.encode()).hexdigest()}.json"


def _proves(asked: _Asked, seen: Seen | None) -> bool:
    head = asked.head
    if seen is None or seen.size == 0:
        return not asked.proof and (head.size > 0 or head.root == merkle.EMPTY_ROOT)
    return merkle.is_consistent(seen.size, head.size, bytes.fromhex(seen.root), head.root, asked.proof)


def _parse(body: bytes) -> _Asked | Verdict:
    """Take a request apart; a 400 names the rule it breaks."""
    try:
        text = body.decode("utf-8")
        head, blank, signed = text.partition("\n\n")
        if not blank:
            raise ValueError("there is no empty line before the checkpoint")
        first, *lines = head.split("\n")
        if len(lines) > MOST_PROOF_LINES:
            raise ValueError(f"more than {MOST_PROOF_LINES} proof lines")
        proof = [_hash_in(line) for line in lines]
        old = _number(first.removeprefix("old "))
        if not first.startswith("old "):
            raise ValueError("the first line is: old <size>")
        said = signed.rpartition("\n\n")[0] + "\n"
        return _Asked(old, proof, signed, said, _head_of(said))
    except ValueError as error:
        return Verdict(400, f"{error}\n")


def _head_of(text: str) -> _Head:
    """Origin, size and root; further lines are a log's extensions, of which a witness says nothing."""
    lines = text.removesuffix("\n").split("\n")
    if len(lines) < _HEAD_LINES or not lines[0] or "" in lines:
        raise ValueError("a checkpoint has an origin, a size and a root")
    return _Head(lines[0], _number(lines[1]), _hash_in(lines[2]))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(_LARGEST)):
        raise ValueError("a size is a decimal number")
    size = int(text)
    if str(size) != text or size > _LARGEST:
        raise ValueError("a size has no leading zeros and fits 63 bits")
    return size


def _hash_in(text: str) -> bytes:
    raw = b64decode(text, validate=True)
    if len(raw) != _HASH_BYTES or b64encode(raw).decode("ascii") != text:
        raise ValueError("a hash is 32 bytes in canonical base64")
    return raw
