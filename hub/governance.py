"""What the log says about the hub itself: who is connected, and under which configuration it decides.

At every start the directory of parties and the hash of everything that decides (routes, authority, mappings) are
compared with what the log said last; what is new or changed becomes an event of a governance stream.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from contracts.ports import Adapter, Clock
from hub.parties import Party
from ledger.events import ConfigurationChanged, Event, PartyChanged, PartyRegistered
from ledger.port import Ledger
from ledger.unit import NewEvent, Unit


def record_start(
    ledger: Ledger,
    parties: Mapping[str, Party],
    adapters: Mapping[str, Adapter],
    decisive: Mapping[str, Any],
    clock: Clock,
) -> int:
    """Bring the governance streams up to date; returns the position to wait for (0 when nothing changed).

    ``decisive`` are the settings that decide: routes and parties, without addresses and secrets.
    """
    now = clock.now()
    events = [(ledger.named_stream("governance", "parties"), event) for event in _party_events(ledger, parties, now)]
    mappings = {name: adapter.mapping_hash() for name, adapter in adapters.items()}
    config_hash = hashlib.sha256(
        json.dumps({"settings": decisive, "mappings": mappings}, sort_keys=True, ensure_ascii=False).encode()
    ).hexdigest()
    stream = ledger.named_stream("governance", "configuration")
    last = [entry.event for entry in ledger.read_stream(stream) if isinstance(entry.event, ConfigurationChanged)]
    if not last or last[-1].config_hash != config_hash:
        events.append((stream, ConfigurationChanged(config_hash=config_hash, mappings=mappings, changed_at=now)))
    if not events:
        return 0
    placed = ledger.submit(Unit(events=tuple(NewEvent(stream, event) for stream, event in events)))
    return placed.positions[-1]


def _party_events(ledger: Ledger, parties: Mapping[str, Party], now: int) -> list[Event]:
    """What changed in the directory since the log last spoke of it."""
    known: dict[str, tuple[str, tuple[str, ...]]] = {}
    for entry in ledger.read_stream(ledger.named_stream("governance", "parties")):
        event = entry.event
        if isinstance(event, PartyRegistered):
            known[event.party] = (event.adapter, event.agencies)
        elif isinstance(event, PartyChanged) and event.change == "removed":
            known.pop(event.party, None)
    events: list[Event] = []
    for name, party in parties.items():
        if known.get(name) != (party.adapter, party.agencies):
            events.append(
                PartyRegistered(party=name, adapter=party.adapter, agencies=party.agencies, registered_at=now)
            )
    events.extend(PartyChanged(party=name, change="removed", changed_at=now) for name in known if name not in parties)
    return events
