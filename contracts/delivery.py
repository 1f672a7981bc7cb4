"""The vocabulary of delivery: what is rendered, how it travels, and how a reply is understood."""

from typing import Literal, TypeAlias

import msgspec

from contracts.reading import Note

Verdict: TypeAlias = Literal["done", "exists", "missing", "retry", "permanent", "unknown"]
"""done: the target has it · exists: re-send as update · missing: send the record first · retry: later ·
permanent: the same bytes would fail again · unknown: we did not learn it; ask before sending again."""


class Rendering(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One record as the target will read it. Pure output of ``Adapter.write``.

    ``lane`` names the batch it may travel in: a batch is homogeneous (one service, one create-or-update).
    ``body`` is the exact record; the envelope round the records is rendered from them without personal data.
    ``rows`` are the positions of the progress rows it carries (empty for a dossier record).
    """

    lane: str
    service: str
    updating: bool
    code: str
    body: bytes
    rows: tuple[int, ...] = ()
    losses: tuple[Note, ...] = ()


class Unrenderable(msgspec.Struct, frozen=True, kw_only=True):
    """The target requires data that is not known (yet); the delivery parks and resumes when an event supplies it."""

    code: str
    missing: tuple[str, ...]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange to make. ``timeout_s`` bounds the whole exchange. Header values may hold secrets: never logged."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    timeout_s: float = 30.0


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came back: HTTP status, lower-case header names, the exact body (bounded by the transport)."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a reply to a batch is understood. ``phrase`` is the row of the replies table that matched.

    A verdict of exists, missing or permanent for a batch names no record: the hub bisects to find it.
    """

    verdict: Verdict
    phrase: str = ""
    retry_after_s: float = 0.0


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What the target answered when asked for one dossier.

    ``askable`` false: the target can not be asked. ``state`` is the wire's own status code where given.
    ``rows`` are the digests of progress rows it holds, None when it does not tell.
    """

    askable: bool
    known: bool = False
    state: str = ""
    record: bytes = b""
    rows: tuple[bytes, ...] | None = None
