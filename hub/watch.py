"""What the hub counts: turns what happens into metrics and log lines, cheaply and in one place.

Every method is called on the hub's loop and never raises. Nothing here decides anything. Codes of dossiers, names and
addresses stay out: labels are parties, routes, formats and codes of the closed list.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from contracts.delivery import Verdict
from contracts.errors import HubError
from contracts.moment import MICROS_PER_SECOND
from contracts.ports import Admitted
from hub.intake import agency_of
from hub.parties import Party
from ledger.events import Event, FactRecorded, TransitionQuestioned, topic_of
from monitoring.logs import get_logger
from monitoring.metrics import Metrics

_HTTP: Final = "http"


class Watch:
    """The one observer of a hub: requests, receptions, deliveries, commits."""

    def __init__(self, metrics: Metrics, transports: Mapping[str, str] | None = None) -> None:
        self.metrics = metrics
        self._transports = transports or {}
        self._log = get_logger("hub")

    # ── requests ─────────────────────────────────────────────────────────────────────────────────

    def on_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request was answered."""
        self.metrics.http_request_duration.observe(seconds, method, route, str(status))

    def on_fault(self, route: str, error: BaseException) -> None:
        """Something unforeseen happened inside a handler."""
        code = error.code if isinstance(error, HubError) else "hub.internal"
        self._log.error("request failed", route=route, code=code, exc_info=error)

    # ── the log ──────────────────────────────────────────────────────────────────────────────────

    def on_commit(self, events: int, seconds: float) -> None:
        """A batch of events became durable."""
        self.metrics.commit_duration.observe(seconds)
        self.metrics.commit_events.observe(events)

    # ── reception ────────────────────────────────────────────────────────────────────────────────

    def on_accepted(self, party: Party, service: str, admitted: Admitted, events: Sequence[Event]) -> None:
        """A message is durable (or was already); ``events`` are those of dossiers."""
        if admitted.duplicate:
            self.metrics.idempotent_replays.add(1, party.id)
            return
        self.metrics.messages_accepted.add(1, party.id, service)
        states: dict[str, int] = {}
        for record in admitted.records:
            states[record.state] = states.get(record.state, 0) + 1
        for state, count in states.items():
            self.metrics.records.add(count, party.id, state)
        appended: dict[tuple[str, str], int] = {}
        for event in events:
            key = (_agency(event), topic_of(event))
            appended[key] = appended.get(key, 0) + 1
        for (agency, topic), count in appended.items():
            self.metrics.events_appended.add(count, agency, topic)

    def on_refused(self, party: str, code: str) -> None:
        """A message, or a record of one, was refused."""
        self.metrics.messages_refused.add(1, party, code)

    # ── delivery (hub.lanes.bounds.Watcher) ──────────────────────────────────────────────────────

    def attempted(self, target: str, verdict: Verdict, dossiers: int, seconds: float) -> None:
        """One exchange with a target ended."""
        self.metrics.deliveries.add(1, target, self._transports.get(target, _HTTP), verdict)
        self.metrics.delivery_duration.observe(seconds, target)
        self.metrics.delivery_records.observe(dossiers)

    def confirmed(self, source: str, target: str, seconds: float) -> None:
        """One dossier is confirmed, this long after its oldest open change was accepted."""
        self.metrics.sync_latency.observe(seconds, f"{source}->{target}")

    def parked(self, target: str, code: str) -> None:
        """One dossier parked."""
        self._log.warning("delivery parked", target=target, code=code)

    def failed(self, target: str, stage: str, error: Exception) -> None:
        """Something that should not happen did; delivery goes on."""
        self._log.error("delivery failed", target=target, stage=stage, exc_info=error)


def oldest_timestamps(
    statuses: Callable[[], Sequence[tuple[str, int]]],
) -> Callable[[], Mapping[tuple[str, ...], float]]:
    """For the gauge of the oldest open event: (target, accepted_at µs) pairs to seconds by label."""
    return lambda: {(target,): accepted_at / MICROS_PER_SECOND for target, accepted_at in statuses()}


def waiting(
    parties: Iterable[str], counts: Callable[[], Mapping[str, int]]
) -> Callable[[], Mapping[tuple[str, ...], float]]:
    """For the gauge of what waits for a person: how many by party, 0 where nothing does."""
    names = tuple(parties)

    def read() -> Mapping[tuple[str, ...], float]:
        found = counts()
        return {(name,): float(found.get(name, 0)) for name in names}

    return read


def _agency(event: Event) -> str:
    """The top agency code (G…, H…) of the dossier an event is about, "other" where its code names none."""
    code = event.fact.dossier if isinstance(event, FactRecorded | TransitionQuestioned) else ""
    return agency_of(code).partition(".")[0] or "other"
