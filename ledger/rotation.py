"""Changing the key of a running log: announced by the old key, signed by both for a while, then by the new one alone.

Two places for key files are enough: ``log.key`` and, while a change is under way, ``log-next.key``. What the leaves say
decides which of them sign; a file alone allows nothing. So every step may be the last before a crash: a new file
without its leaf is not used, a leaf without the second signature is followed at the next start, and a retired key whose
file is still there is put away then. See ``registry`` for what makes a key event believed.
"""

import contextlib
from typing import Final, Protocol

import msgspec

from contracts.errors import MessageRefused, Misconfigured
from contracts.ports import Clock, Entropy, Signer
from ledger.checkpoint import Scribe
from ledger.cosignature import parse_witness_key
from ledger.events import Event, KeyAdded, KeyRetired, KeyRevoked
from ledger.keys import LOG_KEY_FILE, VERIFIER_KEY_FILE, FileSigner, KeyFiles, keep_signer, log_signer
from ledger.note import parse_vkey, vkey_of
from ledger.port import Entry
from ledger.registry import KEY_STREAM, LOG, PURPOSES, KeyEvent, KeyRegistry, fold_keys, said, statement
from ledger.unit import NewEvent, Unit

NEXT: Final = "log-next"
NEXT_KEY_FILE: Final = "keys/log-next.key"
NEXT_VKEY_FILE: Final = "keys/log-next.vkey"
ENDED_FILE: Final = "keys/log-ended.vkey"
"""Log keys that sign no more, one a line: whoever checks old checkpoints and copies on this machine needs them."""
REASONS: Final = ("compromised", "lost", "superseded")
_SEED_BYTES: Final = 32


class RotationFiles(KeyFiles, Protocol):
    """What a change of keys needs of ``contracts.ports.Files``."""

    def delete(self, name: str) -> None:
        """See ``Files.delete``."""
        ...


class SignedLog(Protocol):
    """What a change of keys needs of ``ledger.writer.Writer``."""

    @property
    def committed(self) -> int:
        """See ``Ledger.committed``."""
        ...

    def flush(self) -> None:
        """See ``Writer.flush``."""
        ...

    def named_stream(self, kind: str, name: str) -> bytes:
        """See ``Ledger.named_stream``."""
        ...

    def read_stream(self, stream: bytes) -> list[Entry]:
        """See ``Ledger.read_stream``."""
        ...

    def sign_with(self, scribe: Scribe, unit: Unit | None = None) -> int:
        """See ``Writer.sign_with``."""
        ...


class LogKeys:
    """The key files of one log, held to what its leaves say."""

    def __init__(
        self,
        files: RotationFiles,
        entropy: Entropy,
        origin: str,
        passphrase: bytes = b"",
        token: Signer | None = None,
    ) -> None:
        """``token`` holds the log's key instead of a file; it is changed with the token's own tools, not here."""
        self._files = files
        self._entropy = entropy
        self._origin = origin
        self._passphrase = passphrase
        self._token = token
        self._held: dict[str, Signer] = {}
        self._unreadable: Misconfigured | None = None
        """Why the second key file could not be read, where there is one."""

    # ── opening ─────────────────────────────────────────────────────────────────────────────────

    def load(self, *, create: bool) -> Scribe:
        """All keys there are, for recognising what was signed; ``settle`` MUST follow before anything is signed.

        Raises:
            Misconfigured: see ``log_signer``.
        """
        if self._token is not None:
            self._held = {vkey_of(self._token): self._token}
            if create:
                self._files.write_durable(VERIFIER_KEY_FILE, f"{vkey_of(self._token)}\n".encode())
            return Scribe(self._token)
        first = log_signer(self._files, self._entropy, self._origin, create=create, passphrase=self._passphrase)
        self._held = {vkey_of(first): first}
        if create:
            return Scribe(first)
        # A second file that can not be read was cut off before its key was announced, else ``settle`` refuses it.
        try:
            second = self._load_next()
            self._held.setdefault(vkey_of(second), second)
        except Misconfigured as error:
            self._unreadable = error if error.code != "config.missing" else None
        return Scribe(*self._held.values())

    def _load_next(self) -> FileSigner:
        return log_signer(
            self._files, self._entropy, self._origin, create=False, name=NEXT, passphrase=self._passphrase
        )

    def settle(self, log: SignedLog) -> None:
        """Let those keys sign that the leaves allow, and finish what a crash left half done.

        Raises:
            Misconfigured: ``config.missing`` when no key that is here may sign; ``config.invalid`` when an announced
                one lies here and can not be read: the log would go on with one signature of the two it promises.
        """
        registry = self.registry(log)
        if not registry.keys:  # a log that announces no key at all has the one it began with
            log.sign_with(Scribe(next(iter(self._held.values()))))
            return
        if self._unreadable is not None and any(vkey not in self._held for vkey in registry.signers(log.committed + 1)):
            mend = f"mend it, or remove it and retire the key with --key; {self._unreadable.detail}"
            raise Misconfigured("config.invalid", f"an announced key can not be read: {mend}", name=NEXT_KEY_FILE)
        log.sign_with(self._scribe(registry, log.committed + 1))
        self._put_away(registry, log.committed + 1)

    def registry(self, log: SignedLog) -> KeyRegistry:
        """The keys as the leaves tell them, those placed a moment ago included."""
        entries = log.read_stream(log.named_stream(*KEY_STREAM))
        told = [(entry.position, entry.event) for entry in entries if entry.event is not None]
        return fold_keys(self._origin, told)

    def _scribe(self, registry: KeyRegistry, size: int) -> Scribe:
        signers = [self._held[vkey] for vkey in registry.signers(size) if vkey in self._held]
        if not signers:
            raise Misconfigured("config.missing", "no key here may sign this log any more", name=LOG_KEY_FILE)
        return Scribe(*signers)

    def _put_away(self, registry: KeyRegistry, size: int) -> None:
        """When the first key has ended, the next one takes its place; then the second file goes."""
        allowed = registry.signers(size)
        ended = [one.vkey for one in registry.keys if one.purpose == LOG and one.vkey not in allowed]
        if ended:
            self._files.write_durable(ENDED_FILE, "".join(f"{vkey}\n" for vkey in ended).encode())
        if self._token is not None:
            return
        try:
            first = log_signer(self._files, self._entropy, self._origin, create=False, passphrase=self._passphrase)
            second = self._load_next()
        except Misconfigured:
            return
        if vkey_of(first) not in allowed and vkey_of(second) in allowed:
            keep_signer(self._files, self._entropy, second, name="log", passphrase=self._passphrase)
            first = second
        if vkey_of(first) == vkey_of(second) or vkey_of(second) in ended:
            self._files.delete(NEXT_KEY_FILE)
            self._files.delete(NEXT_VKEY_FILE)

    # ── changing ────────────────────────────────────────────────────────────────────────────────

    def rotate(self, log: SignedLog, clock: Clock) -> str:
        """Make and announce a new key; from that commit on both sign. Returns its vkey.

        A key file that a crash left without its leaf is used. What was placed before is committed first.

        Raises:
            MessageRefused: ``query.invalid`` while another change is under way.
        """
        log.flush()
        registry = self.registry(log)
        active = registry.signers(log.committed + 1)
        if len(active) > 1:
            raise MessageRefused("query.invalid", f"retire {active[0]} first", name="key")
        signer = self._next_signer(registry)
        vkey = vkey_of(signer)
        self._held[vkey] = signer
        event = KeyAdded(vkey=vkey, purpose=LOG, added_at=clock.now())
        self._say(log, registry, event)
        return vkey

    def _next_signer(self, registry: KeyRegistry) -> FileSigner:
        if self._token is not None:
            raise MessageRefused("query.invalid", "the key lies on a token; nothing here can make another", name="key")
        with contextlib.suppress(Misconfigured):
            left = self._load_next()
            if registry.find(vkey_of(left)) is None:
                return left
        fresh = FileSigner(self._origin, self._entropy.stream(f"{NEXT}-key").bytes(_SEED_BYTES))
        keep_signer(self._files, self._entropy, fresh, name=NEXT, passphrase=self._passphrase)
        return fresh

    def retire(self, log: SignedLog, clock: Clock, vkey: str = "") -> str:
        """End a key in order, by default the oldest log key; from that commit on it signs nothing. Returns its vkey.

        Raises:
            MessageRefused: ``query.not_found`` for a key that does not live, ``query.invalid`` for the last log key.
        """
        log.flush()
        registry = self.registry(log)
        active = registry.signers(log.committed + 1)
        vkey = vkey or active[0]
        state = registry.find(vkey)
        if state is None or not state.may_sign(log.committed + 1):
            raise MessageRefused("query.not_found", vkey)
        self._not_the_last(vkey, active)
        self._say(
            log,
            registry,
            KeyRetired(vkey=vkey, purpose=state.purpose, retired_at=clock.now(), last_size=log.committed),
        )
        return vkey

    def revoke(self, log: SignedLog, clock: Clock, vkey: str, *, since: int, reason: str) -> int:
        """Say that a key is not to be believed from ``since`` (microseconds UTC) on. Returns the leaf's position.

        Raises:
            MessageRefused: ``query.not_found`` for a key the log does not know, ``query.invalid`` for another reason
                than compromised · lost · superseded, a time to come, or the last log key: rotate first.
        """
        now = clock.now()
        if reason not in REASONS:
            raise MessageRefused("query.invalid", f"one of {', '.join(REASONS)}", name="reason")
        if not 0 <= since <= now:
            raise MessageRefused("query.invalid", "a time in the past", name="since")
        log.flush()
        registry = self.registry(log)
        state = registry.find(vkey)
        if state is None:
            raise MessageRefused("query.not_found", vkey)
        self._not_the_last(vkey, registry.signers(log.committed + 1))
        event = KeyRevoked(vkey=vkey, purpose=state.purpose, since=since, reason=reason, revoked_at=now)
        return self._say(log, registry, event)

    def add(self, log: SignedLog, clock: Clock, vkey: str, purpose: str) -> int:
        """Announce the public key of a witness or a source. Returns the leaf's position.

        Raises:
            MessageRefused: ``query.invalid`` for another purpose, no key, or a key that was announced before.
        """
        if purpose not in PURPOSES or purpose in {LOG, "heads"}:
            raise MessageRefused("query.invalid", "witness or source", name="purpose")
        log.flush()
        registry = self.registry(log)
        if registry.find(vkey) is not None:
            raise MessageRefused("query.invalid", "it was announced before", name="vkey")
        _check_vkey(vkey, purpose)
        return self._say(log, registry, KeyAdded(vkey=vkey, purpose=purpose, added_at=clock.now()))

    @staticmethod
    def _not_the_last(vkey: str, active: tuple[str, ...]) -> None:
        if active == (vkey,):
            raise MessageRefused("query.invalid", "it is the only key that signs this log; rotate first", name="vkey")

    def _say(self, log: SignedLog, registry: KeyRegistry, event: KeyEvent) -> int:
        """Commit a key event alone, signed by the newest log key that lives on, under the keys it leaves."""
        position = log.committed + 1
        by = self._spokesman(registry, event, position)
        action, number = said(event)
        text = statement(action, self._origin, event.purpose, event.vkey, number)
        signed: Event = msgspec.structs.replace(event, by=vkey_of(by), signature=_attested(by, text))
        registry.take(position, signed)
        if registry.findings and registry.findings[-1].position == position:
            raise MessageRefused("query.invalid", registry.findings[-1].detail, name="vkey")
        stream = log.named_stream(*KEY_STREAM)
        done = log.sign_with(self._scribe(registry, position), Unit(events=(NewEvent(stream, signed),)))
        self._put_away(registry, done + 1)
        return done

    def _spokesman(self, registry: KeyRegistry, event: KeyEvent, position: int) -> Signer:
        able = [vkey for vkey in registry.signers(position) if vkey in self._held]
        others = [vkey for vkey in able if vkey != event.vkey] or able
        if not others:
            raise Misconfigured("config.missing", "no key here may speak for this log", name=LOG_KEY_FILE)
        return self._held[others[-1]]


def _attested(by: Signer, text: str) -> str:
    return Scribe(by).attest(text)


def _check_vkey(vkey: str, purpose: str) -> None:
    try:
        if purpose == "witness":
            parse_witness_key(vkey)
        else:
            parse_vkey(vkey)
    except ValueError as error:
        raise MessageRefused("query.invalid", str(error), name="vkey") from error
