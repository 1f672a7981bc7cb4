"""Which keys the log itself announced, retired and revoked, and whether whoever said so was allowed to.

A pure fold over the events of the stream of keys, in order of position. The first leaf of a log announces the key that
signs it and needs nobody's word; every later key event carries the signature of a log key that may still sign at that
position, over the text of ``statement``. What breaks a rule changes nothing and becomes a finding: an auditor wants to
see all of them. Keys are judged by position and by time that somebody outside stated, never by a verifier's clock.
"""

from base64 import b64decode
from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger import note
from ledger.events import Event, KeyAdded, KeyRetired, KeyRevoked

KEY_AUTHORITY: Final = "KEY_AUTHORITY"
KEY_RETIRED: Final = "KEY_RETIRED"
KEY_REVOKED: Final = "KEY_REVOKED"
LOG: Final = "log"
PURPOSES: Final = (LOG, "heads", "witness", "source")
KEY_STREAM: Final = ("governance", "keys")
"""Kind and name of the stream in which all key events lie."""

KeyEvent: TypeAlias = KeyAdded | KeyRetired | KeyRevoked


class KeyFinding(NamedTuple):
    """A key event that breaks a rule: where, by which code, what about it."""

    position: int
    code: str
    detail: str


class KeyState(msgspec.Struct, frozen=True, kw_only=True):
    """One announced key.

    ``position`` is that of its announcement: the smallest tree it may sign. ``last_size`` is the largest (None: none),
    ``revoked_since`` the time (microseconds UTC) from which it is not believed, ``revoked_position`` the leaf that says
    so; 0 and None where it was not revoked.
    """

    vkey: str
    purpose: str
    position: int
    added_at: int
    by: str
    last_size: int | None = None
    revoked_since: int | None = None
    revoked_position: int = 0
    reason: str = ""

    def may_sign(self, size: int) -> bool:
        """Whether this key may still put its name under a tree of ``size`` leaves."""
        ended = self.last_size is not None and size > self.last_size
        revoked = bool(self.revoked_position) and size >= self.revoked_position
        return size >= self.position and not ended and not revoked


def statement(action: str, origin: str, purpose: str, vkey: str, number: int) -> str:
    """What is signed for a key event; ``number`` is ``added_at``, ``last_size`` or ``since``."""
    return f"hub/key/v1\n{action}\n{origin}\n{purpose}\n{vkey}\n{number}\n"


def said(event: KeyEvent) -> tuple[str, int]:
    """(action, number) of the statement of a key event."""
    if isinstance(event, KeyAdded):
        return "add", event.added_at
    if isinstance(event, KeyRetired):
        return "retire", event.last_size
    return "revoke", event.since


class KeyRegistry:
    """The keys of the log ``origin`` as its leaves tell them."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._states: dict[str, KeyState] = {}
        self.findings: list[KeyFinding] = []

    @property
    def keys(self) -> tuple[KeyState, ...]:
        """All announced keys, by position."""
        return tuple(self._states.values())

    def find(self, vkey: str) -> KeyState | None:
        """The state of one key, None for a key that was not announced."""
        return self._states.get(vkey)

    def signers(self, size: int) -> tuple[str, ...]:
        """The log keys (vkeys, oldest first) that may sign a tree of ``size``."""
        return tuple(one.vkey for one in self.keys if one.purpose == LOG and one.may_sign(size))

    def judge(self, vkey: str, size: int, known_at: int | None = None) -> str:
        """The code by which a checkpoint of ``size`` is not believed on this log key's word alone, "" when it is.

        ``known_at`` is a time (microseconds UTC) at which somebody outside had seen that checkpoint, None where nobody
        vouches: then a revoked key proves nothing at all.
        """
        state = self._states.get(vkey)
        if state is None or state.purpose != LOG or size < state.position:
            return KEY_AUTHORITY
        if state.last_size is not None and size > state.last_size:
            return KEY_RETIRED
        if state.revoked_since is not None and (known_at is None or known_at >= state.revoked_since):
            return KEY_REVOKED
        return ""

    def take(self, position: int, event: Event) -> None:
        """Fold the event at ``position``; events that are not about keys are passed over."""
        if not isinstance(event, KeyAdded | KeyRetired | KeyRevoked):
            return
        why = self._refused(position, event)
        if why:
            self.findings.append(KeyFinding(position, why[0], why[1]))
        elif isinstance(event, KeyAdded):
            self._states[event.vkey] = KeyState(
                vkey=event.vkey, purpose=event.purpose, position=position, added_at=event.added_at, by=event.by
            )
        elif isinstance(event, KeyRetired):
            self._retire(position, event)
        else:
            self._revoke(position, event)

    def _retire(self, position: int, event: KeyRetired) -> None:
        state = self._states[event.vkey]
        last = event.last_size or position - 1
        if state.last_size is not None:  # nobody gives a key back what was taken from it
            last = min(last, state.last_size)
        self._states[event.vkey] = msgspec.structs.replace(state, last_size=last)

    def _revoke(self, position: int, event: KeyRevoked) -> None:
        state = self._states[event.vkey]
        since = event.since if state.revoked_since is None else min(event.since, state.revoked_since)
        first = state.revoked_position or position
        self._states[event.vkey] = msgspec.structs.replace(
            state, revoked_since=since, revoked_position=first, reason=state.reason or event.reason
        )

    # ── authority ───────────────────────────────────────────────────────────────────────────────

    def _refused(self, position: int, event: KeyEvent) -> tuple[str, str] | None:
        action, number = said(event)
        if event.purpose not in PURPOSES or any(not "!" <= letter <= "\U0010ffff" for letter in event.vkey):
            return KEY_AUTHORITY, f"no key of purpose {event.purpose!r} is called {event.vkey!r}"
        known = self._states.get(event.vkey)
        if isinstance(event, KeyAdded):
            if known is not None:
                return KEY_AUTHORITY, f"{event.vkey} was announced at {known.position} already"
        elif known is None or known.purpose != event.purpose:
            return KEY_AUTHORITY, f"{event.vkey} ended as a {event.purpose} key and never began as one"
        if isinstance(event, KeyAdded) and event.purpose == LOG and not self._is_ours(event.vkey):
            return KEY_AUTHORITY, f"{event.vkey} is no key of {self._origin}"
        if not event.by:
            self_evident = action == "add" and position == 1 and event.purpose == LOG and not self._states
            return None if self_evident else (KEY_AUTHORITY, f"nobody allowed to {action} {event.vkey}")
        return self._unauthorised(position, event, statement(action, self._origin, event.purpose, event.vkey, number))

    def _is_ours(self, vkey: str) -> bool:
        return vkey.partition("+")[0] == self._origin

    def _unauthorised(self, position: int, event: KeyEvent, text: str) -> tuple[str, str] | None:
        state = self._states.get(event.by)
        if state is None or state.purpose != LOG:
            return KEY_AUTHORITY, f"{event.by} is no log key and may not speak about keys"
        if state.revoked_position:
            return KEY_REVOKED, f"{event.by} was revoked at {state.revoked_position}"
        if state.last_size is not None and position > state.last_size:
            return KEY_RETIRED, f"{event.by} was retired at size {state.last_size}"
        try:
            key = note.parse_vkey(event.by)
            signature = b64decode(event.signature, validate=True)
            Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, text.encode())
        except (InvalidSignature, ValueError):
            return KEY_AUTHORITY, f"{event.by} did not sign that {event.vkey} changes"
        return None


def fold_keys(origin: str, events: Iterable[tuple[int, Event]]) -> KeyRegistry:
    """The registry after (position, event) in order of position."""
    registry = KeyRegistry(origin)
    for position, event in events:
        registry.take(position, event)
    return registry
