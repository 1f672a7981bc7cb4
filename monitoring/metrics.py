"""Every metric of the hub, declared in one place.

One ``Metrics`` and one registry per hub: two hubs in one process never meet. Names have the prefix ``lienthong_``
and base units; labels come from closed or bounded lists and never name a dossier, a person or a URL. ``agency`` is the
top agency code (G…, H…), ``route`` is ``<source>-><target>`` in ``sync_latency_seconds`` and the path template in
``http_request_duration_seconds``. ``python -m monitoring.metrics`` prints the table of the reference.
"""

import sys
from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.process_collector import ProcessCollector

from contracts.errors import CODES
from monitoring.series import Counter, FamilyCollector, Gauge, Histogram

PREFIX: Final = "lienthong_"
SERIES_BUDGET: Final = 5_000
"""Most series a scrape may hold; beyond it rendering would hold the loop (4,000 series take about 54 ms)."""

SYNC_OBJECTIVE_S: Final = 5.0
"""A change is synchronised in time when the target confirmed it within this many seconds."""

_MICRO: Final = (0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25)
_APPEND: Final = (0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_REQUEST: Final = (0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_DELIVERY: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SYNC: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, SYNC_OBJECTIVE_S, 10.0, 30.0, 60.0, 300.0, 3_600.0)
_SIZES: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0)
_LAG: Final = (0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)

_CLOSED: Final[Mapping[str, frozenset[str]]] = {
    "method": frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}),
    "code": frozenset(CODES),
    "state": frozenset({"applied", "unchanged", "echo", "duplicate", "questioned", "parked", "refused"}),
    "outcome": frozenset(
        {"done", "exists", "missing", "retry", "permanent", "unknown", "unavailable", "ok", "refused", "parked"}
    ),
    "direction": frozenset({"read", "write"}),
    "kind": frozenset({"bearer", "path", "mapi", "session", "admin"}),
}
"""Labels whose values are known beforehand. The others are bounded by the number of cells of their family."""


class Metrics:
    """The metrics of one hub; register it in ``registry`` (a new one unless given)."""

    def __init__(self, registry: CollectorRegistry | None = None, *, version: str = "", commit: str = "") -> None:
        self.families: Final[dict[str, Counter | Gauge | Histogram]] = {}
        self.registry: Final = registry or CollectorRegistry()
        self._declare_messages()
        self._declare_log()
        self._declare_testimony()
        self._declare_delivery()
        self._declare_serving()
        self._declare_program()
        self.registry.register(FamilyCollector(self.families))
        ProcessCollector(registry=self.registry)
        self.build_info.set(1, version or "unknown", commit or "unknown")

    def _declare_messages(self) -> None:
        """What senders hand in and how it is understood."""
        self.messages_accepted = self._counter(
            "messages_accepted_total", "Messages made durable, duplicates not counted.", "party", "type", most=200
        )
        self.messages_refused = self._counter(
            "messages_refused_total", "Messages and records the sender must mend, by reason.", "party", "code", most=250
        )
        self.records = self._counter(
            "records_total", "Records of accepted messages by what became of them.", "party", "state", most=200
        )
        self.idempotent_replays = self._counter(
            "idempotent_replays_total", "Messages answered with their first receipt.", "party", most=60
        )
        self.authentications_refused = self._counter(
            "authentications_refused_total", "Missing, wrong or expired credentials.", "kind", most=8
        )
        self.translation_duration = self._histogram(
            "translation_duration_seconds",
            "Reading or writing one message or record.",
            "adapter",
            "direction",
            most=24,
            buckets=_MICRO,
        )
        self.translations = self._counter(
            "translations_total", "Messages read and records written, by outcome.", "adapter", "outcome", most=60
        )
        self.translation_lost_fields = self._counter(
            "translation_lost_fields_total", "Values declared as not carried by the format.", "adapter", most=16
        )
        self.pull_rounds = self._counter(
            "pull_rounds_total", "Rounds of asking a party for messages.", "party", "outcome", most=60
        )

    def _declare_log(self) -> None:
        """The ledger: throughput, commits, integrity."""
        self.events_appended = self._counter(
            "events_appended_total", "Events made durable (headline: throughput).", "agency", "type", most=900
        )
        self.event_append_duration = self._histogram(
            "event_append_duration_seconds", "From handing a unit to the log until it is durable.", buckets=_APPEND
        )
        self.commit_duration = self._histogram(
            "commit_duration_seconds", "One commit, its fsync included.", buckets=_APPEND
        )
        self.commit_events = self._histogram("commit_events", "Events in one commit.", buckets=_SIZES)
        self.append_queue_units = self._gauge("append_queue_units", "Units waiting to be committed.")
        self.append_queue_limit_units = self._gauge("append_queue_limit_units", "Units after which senders must wait.")
        self.log_size = self._gauge("log_size_events", "Events in the log: the size of its tree.")
        self.log_published_size = self._gauge(
            "log_published_size_events", "Entries that the published checkpoint signs; follows the size of the log."
        )
        self.heads_size = self._gauge("heads_size_entries", "Entries of the heads log.")
        self.heads_lag = self._gauge(
            "heads_lag_events", "Events that no heads checkpoint covers yet: completeness is not proven for them."
        )
        self.log_checkpoint_timestamp = self._gauge(
            "log_checkpoint_timestamp_seconds", "When the newest checkpoint was signed."
        )
        self.log_verified_position = self._gauge(
            "log_verified_position", "The log was recomputed up to this position and agreed."
        )
        self.log_verification_failures = self._counter(
            "log_verification_failures_total", "Times the log did not agree with itself or its signature. Must stay 0."
        )
        self.clock_steps = self._counter("clock_steps_total", "Jumps of the system clock larger than 5 s.")
        self.store_bytes = self._gauge("store_size_bytes", "Size of each database file.", "file", most=16)

    def _declare_testimony(self) -> None:
        """What outsiders say of the log."""
        self.cosignatures = self._counter(
            "cosignatures_asked_total",
            "Checkpoints offered to a witness, by outcome; permanent = it contradicts the log.",
            "witness",
            "outcome",
            most=64,
        )
        self.witness_contradictions = self._counter(
            "witness_contradictions_total", "Times a witness held a newer or another tree of this log. Must stay 0."
        )
        self.timestamps = self._counter("timestamps_total", "Timestamps asked for, by outcome.", "outcome", most=4)
        self.testimony_age = self._gauge(
            "testimony_age_seconds",
            "How old the newest testimony is: a quorum of witnesses, or a timestamp.",
            "source",
            most=2,
        )
        self.testimony_stale = self._gauge(
            "testimony_stale", "1 while intake is closed because the newest testimony is too old."
        )

    def _declare_delivery(self) -> None:
        """What targets are told and when they confirm it."""
        self.sync_latency = self._histogram(
            "sync_latency_seconds",
            "From accepted at the hub until confirmed by the target (headline: synchronisation).",
            "route",
            most=48,
            buckets=_SYNC,
        )
        self.deliveries = self._counter(
            "deliveries_total", "Exchanges with targets by outcome.", "target", "transport", "outcome", most=300
        )
        self.delivery_duration = self._histogram(
            "delivery_duration_seconds", "One exchange with a target.", "target", most=30, buckets=_DELIVERY
        )
        self.delivery_records = self._histogram("delivery_records", "Records in one exchange.", buckets=_SIZES)
        self.outbox_pending = self._gauge(
            "outbox_pending", "Dossiers with something due to the target, parked ones not counted.", "target", most=60
        )
        self.outbox_oldest_event_timestamp = self._gauge(
            "outbox_oldest_event_timestamp_seconds",
            "When the oldest event not yet confirmed by the target was recorded; 0 when none waits.",
            "target",
            most=60,
        )
        self.parked = self._gauge(
            "parked",
            "What waits for a human: deliveries by their target, records by the party that sent them.",
            "target",
            most=60,
        )

    def _declare_serving(self) -> None:
        """The HTTP side."""
        self.http_request_duration = self._histogram(
            "http_request_duration_seconds",
            "Requests served, by path template.",
            "method",
            "route",
            "status",
            most=48,
            buckets=_REQUEST,
        )
        self.http_requests_in_flight = self._gauge("http_requests_in_flight", "Requests being answered now.")
        self.stream_subscribers = self._gauge("stream_subscribers", "Open event streams.", "transport", most=8)
        self.stream_lag = self._gauge(
            "stream_lag_events", "How far a follower of the log is behind its end.", "consumer", most=60
        )

    def _declare_program(self) -> None:
        """The program itself."""
        self.event_loop_lag = self._histogram(
            "event_loop_lag_seconds", "How much later than asked a timer fired.", buckets=_LAG
        )
        self.ready = self._gauge("ready", "1 while every readiness check passes.")
        self.build_info = self._gauge(
            "build_info", "Constant 1; the labels say what runs.", "version", "commit", most=4
        )
        self.adapter_info = self._gauge("adapter_info", "Constant 1 per adapter in use.", "adapter", "version", most=24)

    def _counter(self, name: str, help_text: str, *labels: str, most: int = 1) -> Counter:
        family = Counter(PREFIX + name, help_text, labels, most, _CLOSED)
        self.families[family.name] = family
        if not labels:
            family.at()  # shown as 0 from the start, else the first increase is never seen as one
        return family

    def _gauge(self, name: str, help_text: str, *labels: str, most: int = 1) -> Gauge:
        family = Gauge(PREFIX + name, help_text, labels, most, _CLOSED)
        self.families[family.name] = family
        return family

    def _histogram(
        self, name: str, help_text: str, *labels: str, buckets: tuple[float, ...], most: int = 1
    ) -> Histogram:
        family = Histogram(PREFIX + name, help_text, labels, most, _CLOSED, buckets)
        self.families[family.name] = family
        return family


def table() -> str:
    """The reference table in Markdown."""
    lines = [
        "# Metrics",
        "",
        "Made by `python -m monitoring.metrics`; edit the declarations, not this page.",
        "",
        "The operations port serves them at `/metrics` in the Prometheus text format or OpenMetrics 1.0. `agency` is",
        "the top agency code; `party` and `target` are configured names. A value outside a label's closed list, or",
        "beyond the most cells of a metric, is counted under `other`. The standard `process_*` series are served too.",
        "",
        "| Metric | Kind | Labels | Meaning | Buckets |",
        "|---|---|---|---|---|",
    ]
    for family in sorted(Metrics().families.values(), key=lambda one: one.name):
        labels = ", ".join(f"`{label}`" for label in family.labels) or "–"
        buckets = ", ".join(f"{bound:g}" for bound in family.bounds) if isinstance(family, Histogram) else "–"
        lines.append(f"| `{family.name}` | {family.kind} | {labels} | {family.help} | {buckets} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
