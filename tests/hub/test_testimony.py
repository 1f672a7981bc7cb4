"""The fail-closed switch: shut when testimony is too old, opened for a while by a person who says why."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.envelope import Envelope
from contracts.errors import MessageRefused, Overloaded
from contracts.ports import Admitted
from hub.testimony import Freshness, VouchedAdmit
from hub.world_seeded import SteppedClock
from ledger.anchors import Kind
from ledger.events import IntakeOverridden
from ledger.writer import Writer
from tests.ledger.made import opened

NOW = 1_767_573_000_000_000
SECOND = 1_000_000
BOTH: tuple[Kind, ...] = ("witness", "timestamp")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Writer]:
    made = opened(tmp_path, store="memory")
    yield made
    made.close()


def switch(ledger: Writer, clock: SteppedClock, kinds: tuple[Kind, ...] = BOTH, max_age_s: float = 100) -> Freshness:
    return Freshness(clock, ledger, kinds=kinds, max_age_s=max_age_s)


def is_shut(testimony: Freshness) -> bool:
    try:
        testimony.check()
    except Overloaded as error:
        return error.code == "testimony.stale"
    return False


def test_it_is_shut_until_everybody_configured_was_heard(ledger: Writer) -> None:
    clock = SteppedClock(NOW, step_us=0)
    testimony = switch(ledger, clock)
    assert is_shut(testimony)
    testimony.heard("witness", NOW)
    assert is_shut(testimony)
    testimony.heard("timestamp", NOW)
    assert not is_shut(testimony)
    assert testimony.ailment() == ""


def test_the_older_of_the_two_shuts_it(ledger: Writer) -> None:
    clock = SteppedClock(NOW, step_us=0)
    testimony = switch(ledger, clock)
    testimony.heard("timestamp", NOW)
    testimony.heard("witness", NOW - 60 * SECOND)
    clock.advance(40 * SECOND)
    assert not is_shut(testimony)
    clock.advance(SECOND)
    assert is_shut(testimony)
    assert testimony.ailment()


def test_testimony_never_gets_older_and_time_ahead_of_ours_counts_as_now(ledger: Writer) -> None:
    clock = SteppedClock(NOW, step_us=0)
    testimony = switch(ledger, clock, ("witness",))
    testimony.heard("witness", NOW + 10**12)
    testimony.heard("witness", NOW - 90 * SECOND)
    testimony.heard("timestamp", NOW)
    clock.advance(101 * SECOND)
    assert is_shut(testimony)


@pytest.mark.parametrize(("kinds", "max_age_s"), [(BOTH, 0), ((), 100)])
def test_it_is_off_unless_asked_for(ledger: Writer, kinds: tuple[Kind, ...], max_age_s: float) -> None:
    testimony = switch(ledger, SteppedClock(NOW), kinds, max_age_s)
    assert not testimony.is_on
    assert not is_shut(testimony)


async def test_an_override_is_on_the_log_before_it_opens_and_ends_by_itself(ledger: Writer) -> None:
    clock = SteppedClock(NOW, step_us=0)
    testimony = switch(ledger, clock)
    position = await testimony.override(until_us=NOW + 50 * SECOND, by="vận hành Mẫu", reason="mất mạng ra ngoài")
    (entry,) = ledger.read(position - 1, 1)
    assert isinstance(entry.event, IntakeOverridden)
    assert (entry.event.by, entry.event.reason) == ("vận hành Mẫu", "mất mạng ra ngoài")
    assert not is_shut(testimony)
    again = switch(ledger, clock)
    assert is_shut(again)
    again.recover()
    assert not is_shut(again)
    clock.advance(51 * SECOND)
    assert is_shut(testimony)
    assert is_shut(again)


@pytest.mark.parametrize(
    ("until", "reason", "name"),
    [
        (NOW + SECOND, " ", "reason"),
        (NOW, "mất mạng", "until"),
        (NOW + 8 * 86_400 * SECOND, "mất mạng", "until"),
    ],
)
async def test_an_override_without_reason_or_end_is_refused(ledger: Writer, until: int, reason: str, name: str) -> None:
    testimony = switch(ledger, SteppedClock(NOW, step_us=0))
    with pytest.raises(MessageRefused) as caught:
        await testimony.override(until_us=until, by="x", reason=reason)
    assert caught.value.code == "query.invalid"
    assert name in caught.value.en


async def test_nothing_is_handed_on_while_it_is_shut(ledger: Writer) -> None:
    taken: list[Envelope] = []

    async def admit(envelope: Envelope) -> Admitted:
        taken.append(envelope)
        return Admitted(message_id="", position=1, accepted_at=1, duplicate=False, records=())

    testimony = switch(ledger, SteppedClock(NOW, step_us=0), ("witness",))
    door = VouchedAdmit(admit, testimony)
    envelope = Envelope(party="mau", adapter="portal", body=b"{}", received_at=1)
    with pytest.raises(Overloaded) as caught:
        await door(envelope)
    assert caught.value.code == "testimony.stale"
    assert taken == []
    testimony.heard("witness", NOW)
    await door(envelope)
    assert taken == [envelope]
