"""A dossier as somebody knows it: the values, the state and the rows of progress at one point of the log.

The hub folds a dossier's events into a ``Picture``; adapters render a ``Picture`` for their party. The same type
says what a party is known to hold, so that *due* is a difference between two pictures (decisions.md §2, *Routes*).
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any
from unicodedata import is_normalized, normalize

import msgspec

from contracts.facts import State, Step
from contracts.moment import MICROS_PER_SECOND, Moment


def step_digest(at_us: int, state: str, step: Step) -> bytes:
    """Tell rows of progress apart by content: 16 bytes over (time, state, officer, department, content).

    The time counts in whole seconds, because most formats carry no more and a row must be known again when its
    receiver repeats it; text counts in NFC with single spaces, for the same reason. 0 stands for *no time stated*.
    """
    text = " \x1f ".join((str(at_us // MICROS_PER_SECOND), state, step.officer, step.department, step.content))
    if not is_normalized("NFC", text):
        text = normalize("NFC", text)
    return blake2b(" ".join(text.split()).encode("utf-8", "surrogatepass"), digest_size=16).digest()


class StepTaken(msgspec.Struct, frozen=True, gc=False):
    """One row of progress on the log. ``position`` names it for ever; ``digest`` tells equal rows apart by content.

    ``digest`` is taken over (at.us, state, officer, department, content), see ``step_digest``.
    """

    position: int
    at: Moment
    state: State
    step: Step
    party: str
    digest: bytes


class Picture(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A dossier at one position of the log.

    ``code`` is the leading code as its origin wrote it, ``aliases`` every other code.
    ``fields`` maps canonical names (``contracts.facts.VALUE_FIELDS``) to values; a missing name is *not known*.
    ``state`` is the current business state by business time; ``state_at`` its time.
    ``steps`` are the rows of progress in (business time, position) order.
    ``origin`` is the party that first told of the dossier, ``holder`` the party that owns its status now.
    """

    code: str
    fields: Mapping[str, Any]
    state: State
    state_at: Moment | None = None
    aliases: tuple[str, ...] = ()
    steps: tuple[StepTaken, ...] = ()
    origin: str = ""
    holder: str = ""
    position: int = 0


class Due(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one target must be told about one dossier, decided by ``hub.route`` and rendered by ``Adapter.write``.

    ``record`` is true when the target's picture differs (or is missing); ``steps`` are the rows it lacks, in order.
    ``known`` is true when the target holds the dossier's record already, so the record goes as an update.
    ``code`` is the code under which the target knows the dossier.
    """

    picture: Picture
    code: str
    record: bool
    steps: tuple[StepTaken, ...]
    known: bool
