"""What is counted: labels from closed lists only, never a dossier, a person or an address."""

from prometheus_client import generate_latest

from contracts.errors import IntegrityViolation
from contracts.facts import DossierReceived
from contracts.ports import Admitted, RecordOutcome
from hub.parties import Party
from hub.watch import Watch, oldest_timestamps
from ledger.events import FactRecorded
from monitoring.metrics import Metrics

CODE = "000.21.44.H99-260105-0001"
PARTY = Party(id="mot-cua", adapter="portal")


def rendered(watch: Watch) -> str:
    return generate_latest(watch.metrics.registry).decode()


def received(code: str) -> FactRecorded:
    return FactRecorded(party="mot-cua", message=1, fact=DossierReceived(dossier=code), at_us=0)


def admitted(*states: str, duplicate: bool = False) -> Admitted:
    records = tuple(RecordOutcome(index=place, code=CODE, state=state) for place, state in enumerate(states))
    return Admitted(message_id="m", position=1, accepted_at=0, duplicate=duplicate, records=records)


def test_an_accepted_message_is_counted_by_record_and_by_agency() -> None:
    watch = Watch(Metrics())
    watch.on_accepted(
        PARTY, "DongBoHoSoMC", admitted("applied", "applied", "refused"), [received(CODE), received("12/1")]
    )
    text = rendered(watch)
    assert 'lienthong_events_appended_total{agency="H99",type="dossier.received"} 1.0' in text
    assert 'lienthong_events_appended_total{agency="other",type="dossier.received"} 1.0' in text
    assert "H99-260105" not in text
    assert "12/1" not in text


def test_a_duplicate_is_counted_as_such_and_as_nothing_else() -> None:
    watch = Watch(Metrics())
    watch.on_accepted(PARTY, "DongBoHoSoMC", admitted("duplicate", duplicate=True), ())
    text = rendered(watch)
    assert "lienthong_idempotent_replays_total" in text
    assert "lienthong_events_appended_total{" not in text


def test_a_confirmed_dossier_is_timed_by_route() -> None:
    watch = Watch(Metrics())
    watch.confirmed("tinh-mau", "cong-dvcqg", 0.25)
    assert 'lienthong_sync_latency_seconds_count{route="tinh-mau->cong-dvcqg"} 1.0' in rendered(watch)


def test_requests_refusals_and_faults_are_counted_and_never_raise() -> None:
    watch = Watch(Metrics())
    watch.on_request("POST", "/v1/messages", 202, 0.001)
    watch.on_refused("mot-cua", "read.date")
    watch.on_fault("/v1/messages", IntegrityViolation("ledger.corrupt"))
    watch.failed("cong-dvcqg", "send", ValueError("x"))
    watch.parked("cong-dvcqg", "park.target_refused")
    text = rendered(watch)
    assert "read.date" in text
    assert "/v1/messages" in text


def test_the_oldest_open_event_is_told_in_seconds() -> None:
    assert oldest_timestamps(lambda: [("cong-dvcqg", 1_500_000)])() == {("cong-dvcqg",): 1.5}
