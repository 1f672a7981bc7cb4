"""What the demo measured: exact latencies per route, counts per party, the root of the log."""

from collections.abc import Mapping
from typing import Any, Final

from hub.serving import Serving
from hub.watch import Watch
from ledger import checkpoint
from monitoring.metrics import Metrics

_QUANTILES: Final = (("p50", 0.50), ("p95", 0.95), ("p99", 0.99))


class _Recording(Watch):
    """A watch that also keeps every latency."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__(metrics)
        self.latencies: dict[str, list[float]] = {}

    def confirmed(self, source: str, target: str, seconds: float) -> None:
        """One dossier is confirmed."""
        super().confirmed(source, target, seconds)
        self.latencies.setdefault(f"{source}->{target}", []).append(seconds)


class Measured:
    """The figures of one demo."""

    def __init__(self) -> None:
        self.watch = _Recording(Metrics())

    def summary(
        self, serving: Serving, *, seconds: float, sent: dict[str, Any], held: Mapping[str, Any], ok: bool
    ) -> dict[str, Any]:
        """The JSON object of the demo."""
        hub = serving.hub
        counts = hub.views.counts()
        events = hub.ledger.committed
        signed = checkpoint.parse(hub.ledger.checkpoint().partition("\n\n")[0] + "\n")
        return {
            "ok": ok,
            "seconds": round(seconds, 3),
            "dossiers": hub.views.size(),
            "events": events,
            "throughput_per_s": round(events / seconds, 1) if seconds else 0.0,
            "latency_ms": {route: _quantiles(values) for route, values in sorted(self.watch.latencies.items())},
            "parties": {
                name: _party(counts.get(name, {}), len(held.get(party.adapter, {})))
                for name, party in hub.parties.items()
            },
            "parked": len(hub.ledger.parked()),
            "duplicates": sum(int(one.get("duplicate", 0)) for one in counts.values()),
            "tree_size": signed.size,
            "root_hash": signed.root.hex(),
            "base_url": serving.base_url,
            "ops_url": serving.ops_url,
            "senders": sent,
        }


def _quantiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        name: round(1_000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2) for name, share in _QUANTILES
    }


def _party(counts: Mapping[str, int], held: int) -> dict[str, int]:
    """``sent``: messages it sent · ``received``: dossiers it holds from us · ``confirmed``: deliveries it confirmed."""
    return {
        "sent": sum(number for kind, number in counts.items() if kind.startswith("messages_")),
        "received": held,
        "confirmed": counts.get("confirmed", 0),
        "parked": counts.get("parked", 0),
        "refused": counts.get("refused", 0) + counts.get("messages_refused", 0),
    }
