"""Asking one witness for its cosignature: the client's side of C2SP tlog-witness, as a small state machine.

Kept of every witness: the newest tree of ours it cosigned. From it the next request starts, and to it our own log is
held: before anything is sent, the tree to be cosigned must continue that tree. What a witness answers is not signed
unless it is a cosignature, so three answers end differently:

* it knows *more* of our log than was ever committed here, or another tree: our log was put back or forked. That is a
  ``Contradiction``: the hub stops signing until a person has found out why.
* it knows *less* than it once cosigned: the witness lost its memory. It is not used, because a witness that forgets
  vouches for nothing.
* everything else is its own trouble: it is asked again next time.

Source: C2SP tlog-witness 1.0.
"""

from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Final, Literal, TypeAlias

import msgspec

from contracts.delivery import Reply, Request
from contracts.errors import IntegrityViolation, TargetUnavailable
from contracts.ports import Fetch, Files
from ledger import checkpoint, merkle
from ledger.cosignature import Cosignature, find_cosignatures, split_note
from ledger.policy import KnownWitness

MOST_PROOF_LINES: Final = 63
SIZE_TYPE: Final = "text/x.tlog.size"
_FOLDER: Final = "witness/asked/"
_OK: Final = 200
_CONFLICT: Final = 409
_UNPROCESSABLE: Final = 422
_REASONS: Final = {
    400: "it does not understand the request",
    403: "it does not know our key",
    404: "it does not know our log",
}
_LARGEST: Final = (1 << 63) - 1

Outcome: TypeAlias = Literal["ok", "refused", "unavailable"]


class Contradiction(IntegrityViolation):
    """Somebody outside holds a newer or another tree of this log. ``witness`` is its name, ``finding`` what is wrong.

    ``finding``: ROLLBACK (it knows more than was committed here) · FORK (it knows another tree of the same log).
    """

    def __init__(self, witness: str, finding: Literal["ROLLBACK", "FORK"], detail: str) -> None:
        super().__init__("ledger.rollback", f"{finding}: witness {witness}: {detail}")
        self.witness = witness
        self.finding = finding


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one witness: the newest tree it cosigned (``note``: our signed note), its line, its time (s)."""

    vkey: str
    size: int = 0
    root: str = ""
    at_s: int = 0
    line: str = ""
    note: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What asking once came to. ``reason`` says in a few words why there is no cosignature."""

    outcome: Outcome
    cosignature: Cosignature | None = None
    reason: str = ""


def request_body(old: int, proof: list[bytes], signed: str) -> bytes:
    """The body of ``add-checkpoint``: old size, consistency proof, blank line, checkpoint."""
    lines = [f"old {old}", *(b64encode(node).decode("ascii") for node in proof), ""]
    return ("\n".join(lines) + "\n" + signed).encode()


class WitnessClient:
    """Asks one witness about one log. ``committed`` tells how many leaves the log durably has now."""

    def __init__(
        self,
        witness: KnownWitness,
        *,
        fetch: Fetch,
        files: Files,
        get_node: merkle.GetNode,
        committed: Callable[[], int],
        timeout_s: float,
    ) -> None:
        self.witness: Final = witness
        self._fetch = fetch
        self._files = files
        self._get_node = get_node
        self._committed = committed
        self._timeout_s = timeout_s
        digest = sha256(witness.key.text().encode()).hexdigest()
        self._file: Final = f"{_FOLDER}{digest}.json"
        self._unsaved = False
        self.known: Known = self._load()
        self.trouble = ""
        """Why the witness is not used, "" while it is well."""

    def _load(self) -> Known:
        """What was kept; without it (or with another key's) the witness is asked where it stands."""
        fresh = Known(vkey=self.witness.key.text())
        try:
            known = msgspec.json.decode(self._files.read(self._file), type=Known)
            bytes.fromhex(known.root)
        except (FileNotFoundError, ValueError):
            return fresh
        return known if known.vkey == fresh.vkey and known.size >= 0 else fresh

    async def ask(self, signed: str) -> Answer:
        """Have one checkpoint of ours (signed note) cosigned.

        Raises:
            Contradiction: the witness, or what it once cosigned, speaks against our log.
        """
        text, _ = split_note(signed)
        head = checkpoint.parse(text)
        self._hold_to_known(head)
        answer = await self._ask_from(self.known.size, head, text, signed)
        if isinstance(answer, int):
            answer = await self._ask_from(answer, head, text, signed)
        if isinstance(answer, int):
            answer = Answer(outcome="refused", reason=f"it stands at {answer} whatever is sent")
        self.trouble = answer.reason
        return answer

    def _hold_to_known(self, head: checkpoint.Checkpoint) -> None:
        """Our log must continue the tree this witness cosigned last; needs no answer from it."""
        known = self.known
        committed = self._committed()
        if known.size > committed:
            held = f"it cosigned {known.size} entries, the log holds {committed}"
            raise Contradiction(self.witness.name, "ROLLBACK", held)
        if known.size and known.size <= head.size and not self._continues(known, head):
            raise Contradiction(
                self.witness.name, "FORK", f"our {head.size} entries do not continue the {known.size} it cosigned"
            )

    def _continues(self, known: Known, head: checkpoint.Checkpoint) -> bool:
        proof = self._proof(known.size, head.size)
        return merkle.is_consistent(known.size, head.size, bytes.fromhex(known.root), head.root, proof)

    def _proof(self, old: int, new: int) -> list[bytes]:
        return merkle.consistency(old, new, self._get_node) if 0 < old < new else []

    async def _ask_from(self, old: int, head: checkpoint.Checkpoint, text: str, signed: str) -> Answer | int:
        """One request; an int is the size at which the witness says it stands, to be asked from next."""
        if old > head.size:
            return Answer(outcome="unavailable", reason=f"it is at {old}, ahead of what is published")
        try:
            reply = await self._fetch(
                Request(
                    method="POST",
                    url=f"{self.witness.url.rstrip('/')}/add-checkpoint",
                    headers=(("Content-Type", "text/plain; charset=utf-8"),),
                    body=request_body(old, self._proof(old, head.size), signed),
                    timeout_s=self._timeout_s,
                )
            )
        except TargetUnavailable as error:
            return Answer(outcome="unavailable", reason=error.detail or error.code)
        return self._understand(reply, old, head, text, signed)

    def _understand(self, reply: Reply, old: int, head: checkpoint.Checkpoint, text: str, signed: str) -> Answer | int:
        if reply.status == _OK:
            return self._cosigned(reply.body, head, text, signed)
        if reply.status == _CONFLICT:
            return self._conflict(reply.body, old, head)
        if reply.status == _UNPROCESSABLE:
            return self._unprocessable(old, head)
        if reply.status in _REASONS:
            return Answer(outcome="refused", reason=_REASONS[reply.status])
        return Answer(outcome="unavailable", reason=f"HTTP status {reply.status}")

    def _cosigned(self, body: bytes, head: checkpoint.Checkpoint, text: str, signed: str) -> Answer:
        try:
            found = find_cosignatures(text, body.decode("utf-8", "replace"), [self.witness.key])
        except IntegrityViolation as error:
            return Answer(outcome="refused", reason=error.detail)
        if not found:
            return Answer(outcome="refused", reason="its answer holds no line of its key")
        cosignature = found[0]
        grown = (head.size, head.root.hex()) != (self.known.size, self.known.root)
        self.known = Known(
            vkey=self.known.vkey,
            size=head.size,
            root=head.root.hex(),
            at_s=cosignature.at_s,
            line=cosignature.line,
            note=signed,
        )
        if grown or self._unsaved:
            self._save()
        return Answer(outcome="ok", cosignature=cosignature)

    def _save(self) -> None:
        """Keep what it cosigned; a newer time for the same tree alone is not worth a write."""
        self._unsaved = True
        self._files.write_durable(self._file, msgspec.json.encode(self.known))
        self._unsaved = False

    def _conflict(self, body: bytes, old: int, head: checkpoint.Checkpoint) -> Answer | int:
        """It stands elsewhere than at ``old``; the body says where."""
        stands = _size_in(body)
        if stands is None or (stands == old and old != head.size):
            return Answer(outcome="refused", reason="its conflict names no other size")
        if stands > self._committed():
            held = f"it knows {stands} entries, the log holds {self._committed()}"
            raise Contradiction(self.witness.name, "ROLLBACK", held)
        if stands == old:
            raise Contradiction(self.witness.name, "FORK", f"it knows another tree of {old} entries")
        if stands < self.known.size:
            # Proving to it from there would help a witness that was put back to vouch for what it no longer knows.
            return Answer(outcome="refused", reason=f"it fell back from {self.known.size} to {stands}")
        return stands

    def _unprocessable(self, old: int, head: checkpoint.Checkpoint) -> Answer:
        """It finds our tree inconsistent. Only its own signature over the old tree can show that it errs."""
        known = self.known
        if known.size and known.size == old and self._continues(known, head):
            return Answer(outcome="refused", reason=f"it contradicts its own cosignature of {old} entries")
        raise Contradiction(self.witness.name, "FORK", f"our {head.size} entries do not continue the {old} it knows")


def _size_in(body: bytes) -> int | None:
    """The size a conflict names: canonical decimal and a line feed."""
    text = body.decode("ascii", "replace")
    digits = text.removesuffix("\n")
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > len(str(_LARGEST)):
        return None
    size = int(digits)
    return size if f"{size}\n" == text and size <= _LARGEST else None
