"""Which keys of a log were allowed to sign, told by the log itself: announced, retired, revoked.

Judged by position and by time that somebody outside stated, never by the clock of whoever verifies.
"""

import base64
from collections.abc import Mapping
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.verifier.note import Key, Untrusted, read_key

_ACTIONS = {
    "key.added": ("add", "added_at"),
    "key.retired": ("retire", "last_size"),
    "key.revoked": ("revoke", "since"),
}


class KeyState(NamedTuple):
    """One announced key: since which position, the largest tree it may sign, and since when (µs) it is not believed."""

    key: Key | None
    purpose: str
    since_position: int
    last_size: int | None = None
    revoked_since: int | None = None


class KeyBook:
    """Takes the key events of a log in order of position."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self.states: dict[str, KeyState] = {}

    def take(self, position: int, kind: str, event: Mapping[str, Any]) -> None:
        """One key event; Untrusted by KEY_AUTHORITY where nobody who may allowed it."""
        try:
            vkey, purpose, by = str(event["vkey"]), str(event["purpose"]), str(event.get("by", ""))
            action, number = _ACTIONS[kind]
            # the stored state leaves out what is at its default
            value = int(event.get(number, 0))
            self._judge(position, (action, purpose, vkey, value), by, str(event.get("signature", "")))
            self._fold(position, kind, vkey, purpose, value)
        except (KeyError, TypeError, ValueError) as error:
            raise Untrusted(f"a key event can not be read: {error}", "KEY_AUTHORITY") from error

    def _judge(self, position: int, said: tuple[str, str, str, int], by: str, signature: str) -> None:
        action, purpose, vkey, value = said
        if not by:
            if action == "add" and position == 1 and purpose == "log" and not self.states:
                return
            raise Untrusted(f"nobody allowed that a key was to {action}", "KEY_AUTHORITY")
        state = self.states.get(by)
        if state is None or state.purpose != "log" or state.key is None:
            raise Untrusted(f"{by} may not {action} keys", "KEY_AUTHORITY")
        if state.revoked_since is not None:
            raise Untrusted(f"{by} was revoked before it was to {action} a key", "KEY_REVOKED")
        if state.last_size is not None and position > state.last_size:
            raise Untrusted(f"{by} was retired before it was to {action} a key", "KEY_RETIRED")
        statement = f"hub/key/v1\n{action}\n{self._origin}\n{purpose}\n{vkey}\n{value}\n"
        try:
            public = Ed25519PublicKey.from_public_bytes(state.key.public)
            public.verify(base64.b64decode(signature, validate=True), statement.encode())
        except (InvalidSignature, ValueError) as error:
            raise Untrusted(f"the statement to {action} a key is not signed by {by}", "KEY_AUTHORITY") from error

    def _fold(self, position: int, kind: str, vkey: str, purpose: str, value: int) -> None:
        if kind == "key.added":
            try:
                key: Key | None = read_key(vkey)
            except Untrusted:
                key = None  # a key of another algorithm: announced, but it signs nothing that is judged here
            if vkey in self.states or (purpose == "log" and key is not None and key.name != self._origin):
                raise Untrusted(f"{vkey} can not be announced here", "KEY_AUTHORITY")
            self.states[vkey] = KeyState(key, purpose, position)
            return
        state = self.states.get(vkey)
        if state is None or state.purpose != purpose:
            raise Untrusted(f"{vkey} ended and never began", "KEY_AUTHORITY")
        if kind == "key.retired":
            last = value or position - 1
            earlier = state.last_size
            self.states[vkey] = state._replace(last_size=last if earlier is None else min(last, earlier))
        else:
            known = state.revoked_since
            self.states[vkey] = state._replace(revoked_since=value if known is None else min(value, known))

    def judge_signer(self, signers: tuple[Key, ...], size: int, known_at_us: int | None) -> None:
        """Whether one of the keys that signed a tree of ``size`` was allowed to.

        ``known_at_us`` is a time at which somebody outside had seen that checkpoint, None where nobody did.

        Raises:
            Untrusted: KEY_RETIRED or KEY_REVOKED where no signer was.
        """
        worst: Untrusted | None = None
        for signer in signers:
            state = self.states.get(signer.text)
            if state is None:
                return  # trusted by the reader's own trust file; the log need not have announced it
            if state.last_size is not None and size > state.last_size:
                worst = Untrusted(f"{signer.text} was retired at size {state.last_size}", "KEY_RETIRED")
            elif state.revoked_since is not None and (known_at_us is None or known_at_us >= state.revoked_since):
                worst = Untrusted(f"{signer.text} is not believed any more", "KEY_REVOKED")
            else:
                return
        if worst is not None:
            raise worst
