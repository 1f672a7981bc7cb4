"""The log's keys, administered: listed, added, rotated, retired, revoked, and what rests on one of them.

What changes keys commits at once and is answered when it is on the log; ``trust.txt`` follows.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from contracts.errors import MessageRefused
from contracts.moment import from_datetime, rfc3339
from contracts.ports import Clock, Files, Principal
from hub.settings import TRUST_FILE
from ledger.events import CheckpointAnchored, KeyAdded, KeyRetired, KeyRevoked, MessageAccepted
from ledger.port import Entry
from ledger.registry import KeyState
from ledger.writer import Writer

_SLICE: Final = 200


def trusted_keys(ledger: Writer) -> list[str]:
    """The keys whose word a reader of this log may take: log and heads keys that were announced and not revoked.

    A retired key stays: it signed the checkpoints of its time.
    """
    keys = ledger.log_keys.registry(ledger).keys
    return [one.vkey for one in keys if one.purpose in {"log", "heads"} and one.revoked_since is None]


class KeyCommands:
    """The ``key.…`` commands of one hub."""

    def __init__(self, ledger: Writer, files: Files, clock: Clock, *, policy: str) -> None:
        """``policy`` is the part of the trust file that is about witnesses."""
        self._ledger = ledger
        self._files = files
        self._clock = clock
        self._policy = policy

    def offered(self) -> Mapping[str, Callable[[Principal, Mapping[str, Any]], Awaitable[Any]]]:
        """The commands by name."""
        return {
            "key.list": self.listing,
            "key.add": self.add,
            "key.rotate": self.rotate,
            "key.retire": self.retire,
            "key.revoke": self.revoke,
            "key.report": self.report,
        }

    async def listing(self, _principal: Principal, _values: Mapping[str, Any]) -> Any:
        """Every announced key and what became of it; findings are key events nobody was allowed to write."""
        registry = self._ledger.log_keys.registry(self._ledger)
        signing = registry.signers(self._ledger.committed + 1)
        return {
            "keys": [_shown(one, signs=one.vkey in signing) for one in registry.keys],
            "findings": [one._asdict() for one in registry.findings],
        }

    async def add(self, _principal: Principal, values: Mapping[str, Any]) -> Any:
        """Announce the public key of a witness or a source."""
        vkey = _text(values, "vkey")
        position = self._ledger.log_keys.add(self._ledger, self._clock, vkey, _text(values, "purpose"))
        return {"vkey": vkey, "position": position}

    async def rotate(self, _principal: Principal, _values: Mapping[str, Any]) -> Any:
        """A new log key; both sign until the old one is retired."""
        vkey = self._ledger.log_keys.rotate(self._ledger, self._clock)
        return self._changed(vkey)

    async def retire(self, _principal: Principal, values: Mapping[str, Any]) -> Any:
        """End a key in order, by default the oldest log key."""
        vkey = self._ledger.log_keys.retire(self._ledger, self._clock, _text(values, "vkey", ""))
        return self._changed(vkey)

    async def revoke(self, _principal: Principal, values: Mapping[str, Any]) -> Any:
        """Say that a key is not believed from a time on."""
        vkey = _text(values, "vkey")
        self._ledger.log_keys.revoke(
            self._ledger, self._clock, vkey, since=_time(values), reason=_text(values, "reason")
        )
        return self._changed(vkey)

    def _changed(self, vkey: str) -> dict[str, Any]:
        logs = "".join(f"log {one}\n" for one in trusted_keys(self._ledger))
        self._files.write_durable(TRUST_FILE, f"{logs}{self._policy}".encode())
        return {"vkey": vkey, "position": self._ledger.committed, "checkpoint": self._ledger.checkpoint()}

    # ── the drill ───────────────────────────────────────────────────────────────────────────────

    async def report(self, _principal: Principal, values: Mapping[str, Any]) -> Any:
        """What rests on one log key (by default the oldest that signs) since a time, and who outside saw it in time.

        A position is covered by the first testimony to a tree that holds it: the position of that leaf and the time it
        states. A witness counts whenever it vouched: it has seen one history only, whoever holds the key. A timestamp
        counts only where it is from before ``since``: afterwards a thief can have one made over a forgery too. What
        nobody outside saw must be held against the senders' own records.
        """
        since = _time(values)
        registry = self._ledger.log_keys.registry(self._ledger)
        state = registry.find(_text(values, "vkey", "") or registry.signers(self._ledger.committed + 1)[0])
        if state is None:
            raise MessageRefused("query.not_found")
        rests = _Rests(state, registry.signers, since)
        for number, entries in enumerate(self._slices(), 1):
            rests.take(entries)
            if number % 2:
                await asyncio.sleep(0)
        return {"vkey": state.vkey, "since": rfc3339(since), **rests.result()}

    def _slices(self) -> Iterator[list[Entry]]:
        after = 0
        while entries := self._ledger.read(after, _SLICE):
            yield entries
            after = entries[-1].position


class _Rests:
    """What rests on one key, gathered entry by entry."""

    def __init__(self, state: KeyState, signers: Callable[[int], tuple[str, ...]], since: int) -> None:
        self._since = since
        self._state = state
        self._signers = signers
        self._receipts: list[int] = []
        self._key_events: list[int] = []
        self._positions = [0, 0]
        self._shared = 0
        self._testimony: list[tuple[int, CheckpointAnchored]] = []

    def take(self, entries: list[Entry]) -> None:
        """A slice of the log."""
        for entry in entries:
            event = entry.event
            if isinstance(event, CheckpointAnchored) and (event.kind == "witness" or event.at < self._since):
                self._testimony.append((entry.position, event))
            if entry.recorded_at < self._since:
                continue
            if self._state.vkey not in self._signers(entry.position):
                continue
            if len(self._signers(entry.position)) > 1:
                self._shared += 1
                continue
            self._positions = [self._positions[0] or entry.position, entry.position]
            if isinstance(event, MessageAccepted):
                self._receipts.append(entry.position)
            if isinstance(event, KeyAdded | KeyRetired | KeyRevoked):
                self._key_events.append(entry.position)

    def _covered(self, position: int) -> dict[str, Any] | None:
        for at, event in self._testimony:
            if event.size >= position and not event.origin.endswith("/heads"):
                return {"position": at, "kind": event.kind, "by": event.by, "at": rfc3339(event.at)}
        return None

    def result(self) -> dict[str, Any]:
        """The lists."""
        receipts = [{"position": one, "covered": self._covered(one)} for one in self._receipts]
        return {
            "positions": self._positions,
            "signed_with_another_key_too": self._shared,
            "receipts": receipts,
            "key_events": [{"position": one, "covered": self._covered(one)} for one in self._key_events],
            "uncovered": sum(one["covered"] is None for one in receipts),
        }


def _shown(state: KeyState, *, signs: bool) -> dict[str, Any]:
    return {
        "vkey": state.vkey,
        "purpose": state.purpose,
        "position": state.position,
        "added_at": rfc3339(state.added_at),
        "by": state.by,
        "last_size": state.last_size,
        "revoked_since": None if state.revoked_since is None else rfc3339(state.revoked_since),
        "reason": state.reason,
        "signs": signs,
    }


def _text(values: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = values.get(name, default)
    if not isinstance(value, str):
        raise MessageRefused("query.invalid", name=name)
    return value


def _time(values: Mapping[str, Any]) -> int:
    try:
        return from_datetime(datetime.fromisoformat(_text(values, "since")))
    except (ValueError, OverflowError) as error:
        raise MessageRefused("query.invalid", "RFC 3339 with an offset", name="since") from error
