"""Between stored bytes and today's events: one codec per topic and version, with the steps from older versions.

The stored state of an event is the JSON of its fields. A change of shape adds a version: the class takes the next
``VERSION``, and ``STEPS`` gets the function that turns the JSON of the version before into it. Specimens of every
version ever written lie under ``tests/ledger/specimens`` and must stay readable.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import msgspec

from contracts.errors import IntegrityViolation
from contracts.facts import FACT_TYPES
from ledger.events import EVENT_TYPES, AnyEvent, Event, FactRecorded

encode: Final = msgspec.json.Encoder().encode
"""The stored bytes of an event's fields."""

STEPS: Final[Mapping[tuple[str, int], Callable[[dict[str, Any]], dict[str, Any]]]] = {}
"""(topic, version) → from the plain JSON of that version to that of the next one."""

_FACT_DECODER: Final = msgspec.json.Decoder(FactRecorded)
_DECODERS: Final[dict[str, tuple[int, msgspec.json.Decoder[Any]]]] = {
    **{kind.TOPIC: (kind.VERSION, _FACT_DECODER) for kind in FACT_TYPES},
    **{kind.TOPIC: (kind.VERSION, msgspec.json.Decoder(kind)) for kind in EVENT_TYPES if kind is not FactRecorded},
}
TOPICS: Final = tuple(_DECODERS)
"""Every topic that may stand on the log."""


def decode(topic: str, version: int, state: bytes) -> AnyEvent:
    """Today's event from stored bytes; ``ledger.corrupt`` where topic, version or bytes are not ours."""
    known = _DECODERS.get(topic)
    if known is None:
        raise IntegrityViolation("ledger.corrupt", f"no event is called {topic}")
    current, decoder = known
    try:
        if version == current:
            return cast("AnyEvent", decoder.decode(state))
        return cast("AnyEvent", _lift(topic, version, current, state, decoder))
    except msgspec.DecodeError as error:
        raise IntegrityViolation("ledger.corrupt", f"{topic} v{version} can not be read") from error


def _lift(topic: str, version: int, current: int, state: bytes, decoder: msgspec.json.Decoder[Any]) -> Event:
    plain = msgspec.json.decode(state)
    for step in range(version, current):
        if (topic, step) not in STEPS:
            raise IntegrityViolation("ledger.corrupt", f"no step from {topic} v{step}")
        plain = STEPS[topic, step](plain)
    if version > current:
        raise IntegrityViolation("ledger.corrupt", f"{topic} v{version} is newer than this program")
    return cast("Event", msgspec.convert(plain, decoder.type))
