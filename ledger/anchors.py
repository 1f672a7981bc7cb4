"""Testimony from outside as leaves: every event lies between two times that somebody else stated.

What was testified is kept first and said second: the exact bytes lie durably under ``anchors/`` before the leaf that
names their hash is appended. A leaf never speaks of evidence that is not there; evidence without a leaf (a crash
between the two) is anchored when the hub starts again.

``anchors/<sha256>.cosig`` is a witness' signature line with its line feed, ``anchors/<sha256>.tsr`` an RFC 3161
response; the name is the hash of those bytes. ``anchors/<sha256>.checkpoint`` is the signed note it is about, exactly
as published. ``anchors/state.json`` only saves a start from reading everything again: without it that is done.
"""

import asyncio
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final, Literal, TypeAlias

import msgspec

from contracts.errors import IntegrityViolation
from contracts.moment import MICROS_PER_SECOND
from contracts.ports import Clock, Files
from ledger import checkpoint
from ledger.cosignature import Cosignature, WitnessKey, find_cosignatures, split_note
from ledger.events import CheckpointAnchored
from ledger.port import Ledger
from ledger.timestamp import Timestamp
from ledger.unit import NewEvent, Unit

FOLDER: Final = "anchors/"
STATE_FILE: Final = "anchors/state.json"
STREAM: Final = ("governance", "anchors")
_ENDINGS: Final = {"witness": ".cosig", "timestamp": ".tsr"}
_NOTE: Final = ".checkpoint"

Kind: TypeAlias = Literal["witness", "timestamp"]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One testimony: its exact bytes, the signed note it is about, who gave it, and the time it states (µs UTC)."""

    kind: Kind
    content: bytes
    note: bytes
    by: str
    at_us: int

    @property
    def digest(self) -> str:
        """SHA-256 of the exact bytes, in hex: its name."""
        return sha256(self.content).hexdigest()


Judge: TypeAlias = Callable[[bytes, bytes], Evidence]
"""(exact bytes, signed note) → the evidence they are; ``testimony.invalid`` where they are none."""


class _State(msgspec.Struct, kw_only=True):
    """How far the stream of anchors is known, what may not have a leaf yet, and the newest time of each kind."""

    rev: int = -1
    pending: list[str] = []  # msgspec copies mutable defaults
    newest: dict[str, int] = {}


def of_cosignature(cosignature: Cosignature, signed: str) -> Evidence:
    """A cosignature of the checkpoint ``signed``."""
    return Evidence(
        kind="witness",
        content=f"{cosignature.line}\n".encode(),
        note=signed.encode(),
        by=cosignature.key.text(),
        at_us=cosignature.at_s * MICROS_PER_SECOND,
    )


def of_timestamp(response: bytes, signed: bytes, said: Timestamp) -> Evidence:
    """A token over the bytes ``signed``."""
    return Evidence(kind="timestamp", content=response, note=signed, by=said.authority, at_us=said.at_us)


def judge_cosignature(keys: Sequence[WitnessKey]) -> Judge:
    """Judges kept cosignatures by the witnesses known today."""

    def judge(content: bytes, note: bytes) -> Evidence:
        signed = note.decode("utf-8", "replace")
        text, _ = split_note(signed)
        found = find_cosignatures(text, content.decode("utf-8", "replace"), keys)
        if not found:
            raise IntegrityViolation("testimony.invalid", "its witness is not known any more")
        return of_cosignature(found[0], signed)

    return judge


class Anchors:
    """The anchors of one log. ``judges`` read evidence again that a crash left without a leaf."""

    def __init__(self, files: Files, ledger: Ledger, clock: Clock) -> None:
        self._files = files
        self._ledger = ledger
        self._clock = clock
        self._stream = b""
        self._state = _State()
        self._turn = asyncio.Lock()
        self.judges: dict[str, Judge] = {}
        self.unreadable: list[str] = []
        """Evidence without a leaf that can not be judged today; it stays where it is."""

    @property
    def is_open(self) -> bool:
        """Whether ``recover`` has been called: before that nothing is appended."""
        return bool(self._stream)

    def newest(self, kind: Kind) -> int:
        """The newest time (µs UTC) that anchored testimony of this kind states, 0 before the first."""
        return self._state.newest.get(kind, 0)

    def kept(self, kind: Kind) -> int:
        """As ``newest``, as it was written last: for whoever looks without opening."""
        try:
            return msgspec.json.decode(self._files.read(STATE_FILE), type=_State).newest.get(kind, 0)
        except (FileNotFoundError, msgspec.DecodeError):
            return 0

    def others(self) -> int:
        """How many events are no anchors: while this stands still, a new anchor would bracket nothing."""
        return self._ledger.placed - (self._state.rev + 1)

    async def recover(self) -> int:
        """Give evidence that has none its leaf; returns how many. Call once, before the hub listens."""
        self._stream = self._ledger.named_stream(*STREAM)
        try:
            self._state = msgspec.json.decode(self._files.read(STATE_FILE), type=_State)
            suspects = list(self._state.pending)
        except (FileNotFoundError, msgspec.DecodeError):
            self._state = _State()
            suspects = self._kept()
        anchored = self._catch_up()
        missing = [stem for stem in suspects if stem not in anchored]
        self._state.pending = []
        return await self.anchor(*self._judged(missing))

    def _kept(self) -> list[str]:
        """The hashes of all evidence that lies there."""
        names = [name.removeprefix(FOLDER) for name in self._files.list(FOLDER)]
        return [name.partition(".")[0] for name in names if name.endswith(tuple(_ENDINGS.values()))]

    def _catch_up(self) -> frozenset[str]:
        """Read what the log says beyond the state; the hashes it names."""
        named = set()
        for entry in self._ledger.read_stream(self._stream, after_rev=self._state.rev):
            self._state.rev = entry.rev
            if isinstance(entry.event, CheckpointAnchored):
                named.add(entry.event.evidence)
                self._heard(entry.event.kind, entry.event.at)
        return frozenset(named)

    def _judged(self, stems: Sequence[str]) -> list[Evidence]:
        found = []
        for stem in stems:
            kind, content, note = self._read(stem)
            judge = self.judges.get(kind)
            if not content or not note:
                continue  # the crash came before its evidence was whole: nothing was promised
            try:
                if judge is None:
                    raise IntegrityViolation("testimony.invalid", "nobody is configured who could have given it")
                evidence = judge(content, note)
            except IntegrityViolation:
                self.unreadable.append(stem)
                continue
            if evidence.digest == stem:
                found.append(evidence)
        return found

    def _read(self, stem: str) -> tuple[str, bytes, bytes]:
        for kind, ending in _ENDINGS.items():
            try:
                return kind, self._files.read(f"{FOLDER}{stem}{ending}"), self._files.read(f"{FOLDER}{stem}{_NOTE}")
            except FileNotFoundError:
                continue
        return "", b"", b""

    async def anchor(self, *evidence: Evidence) -> int:
        """Keep evidence durably, then append its leaves; returns how many once they are durable.

        Raises:
            Overloaded: the log takes nothing now. The evidence is kept and gets its leaf with the next that comes.
        """
        async with self._turn:
            known = set(self._state.pending)
            late = self._judged(self._state.pending)
            fresh = [one for one in evidence if one.digest not in known]
            if not fresh and not late:
                return 0
            self._state.pending += [one.digest for one in fresh]
            self._save()
            for one in fresh:
                await self._keep(one)
            await self._append([*late, *fresh])
            return len(late) + len(fresh)

    async def _keep(self, one: Evidence) -> None:
        """Two durable writes, each in a step of the loop of its own."""
        self._files.write_durable(f"{FOLDER}{one.digest}{_NOTE}", one.note)
        await asyncio.sleep(0)
        self._files.write_durable(f"{FOLDER}{one.digest}{_ENDINGS[one.kind]}", one.content)
        await asyncio.sleep(0)

    async def _append(self, evidence: Sequence[Evidence]) -> None:
        now = self._clock.now()
        events = tuple(NewEvent(self._stream, _event(one, now)) for one in evidence)
        placed = self._ledger.submit(Unit(events=events))
        self._state.rev += len(events)
        await self._ledger.durable(placed.positions[-1])
        for one in evidence:
            self._heard(one.kind, one.at_us)
        self._state.pending = []
        self._save()

    def _heard(self, kind: str, at_us: int) -> None:
        self._state.newest[kind] = max(self._state.newest.get(kind, 0), at_us)

    def _save(self) -> None:
        self._files.write_durable(STATE_FILE, msgspec.json.encode(self._state))


def _event(one: Evidence, now: int) -> CheckpointAnchored:
    text, _ = split_note(one.note.decode("utf-8", "replace"))
    head = checkpoint.parse(text)
    return CheckpointAnchored(
        kind=one.kind,
        origin=head.origin,
        size=head.size,
        root=head.root.hex(),
        by=one.by,
        at=one.at_us,
        evidence=one.digest,
        anchored_at=now,
    )
