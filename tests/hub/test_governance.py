"""The log knows who is connected and under which configuration it decides."""

from adapters import registry
from hub.governance import record_start
from hub.parties import Party, directory
from hub.world_seeded import MemoryFiles, SeededEntropy, SteppedClock
from ledger.events import ConfigurationChanged, Event, PartyChanged, PartyRegistered
from ledger.writer import Writer, open_ledger

PORTAL = Party(id="cong", adapter="portal")
PROVINCE = Party(id="tinh-mau", adapter="portal", agencies=("H99",))
CLOCK = SteppedClock()


def _ledger() -> Writer:
    return open_ledger(
        files=MemoryFiles(),
        directory="",
        origin="governance.example/log",
        clock=CLOCK,
        entropy=SeededEntropy(5),
        store="memory",
    )


def _start(ledger: Writer, *parties: Party, routes: str = "") -> list[Event]:
    before = ledger.placed
    record_start(ledger, directory(parties), {"portal": registry.get("portal")}, {"route": routes}, CLOCK)
    ledger.flush()
    return [entry.event for entry in ledger.read(before, 100) if entry.event is not None]


async def test_first_start_registers_everybody_and_the_configuration() -> None:
    """An empty log learns all parties and the hash of what decides."""
    ledger = _ledger()

    events = _start(ledger, PORTAL, PROVINCE)

    assert [event.party for event in events if isinstance(event, PartyRegistered)] == ["cong", "tinh-mau"]
    assert sum(isinstance(event, ConfigurationChanged) for event in events) == 1


async def test_the_same_start_again_says_nothing() -> None:
    """Restarting is no news."""
    ledger = _ledger()
    _start(ledger, PORTAL, PROVINCE)

    assert _start(ledger, PORTAL, PROVINCE) == []


async def test_a_changed_route_is_a_changed_configuration() -> None:
    """What decides is hashed; whoever replays can tell under which rules."""
    ledger = _ledger()
    _start(ledger, PORTAL)

    events = _start(ledger, PORTAL, routes="other")

    assert [type(event) for event in events] == [ConfigurationChanged]


async def test_a_party_that_is_gone_is_told_and_may_come_back() -> None:
    """The directory on the log follows the configuration both ways."""
    ledger = _ledger()
    _start(ledger, PORTAL, PROVINCE)

    gone = _start(ledger, PORTAL)
    back = _start(ledger, PORTAL, PROVINCE)

    assert [event.change for event in gone if isinstance(event, PartyChanged)] == ["removed"]
    assert [event.party for event in back if isinstance(event, PartyRegistered)] == ["tinh-mau"]
