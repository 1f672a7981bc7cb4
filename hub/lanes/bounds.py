"""What a lane is bounded by, and what it tells operations."""

from typing import Protocol

import msgspec

from contracts.delivery import Verdict
from contracts.ports import Adapter, Profile, Remote
from hub.lanes.backoff import Patience


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One party that is told things. One batch is in flight per remote, each for different dossiers."""

    party: str
    adapter: Adapter
    profile: Profile
    remotes: tuple[Remote, ...]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one lane.

    ``batch_records``: most records per request (the adapter's own limit counts too). ``linger_s``: how long an idle
    lane lets a burst gather. ``high_water``: open dossiers beyond which the log is read on only when they are fewer.
    ``circuit_after``: failures in a row after which one batch at a time probes the target.
    """

    batch_records: int = 100
    linger_s: float = 0.002
    high_water: int = 50_000
    circuit_after: int = 3
    patience: Patience = Patience()


class Watcher(Protocol):
    """What operations want to see of delivery. Called on the loop; MUST be cheap and MUST NOT raise."""

    def attempted(self, target: str, verdict: Verdict, dossiers: int, seconds: float) -> None:
        """One exchange with a target ended."""
        ...

    def confirmed(self, source: str, target: str, seconds: float) -> None:
        """One dossier is confirmed, this long after its oldest open change was accepted."""
        ...

    def parked(self, target: str, code: str) -> None:
        """One dossier parked."""
        ...

    def failed(self, target: str, stage: str, error: Exception) -> None:
        """Something that should not happen did; delivery goes on."""
        ...


class NobodyWatches:
    """A ``Watcher`` for tools and tests that need none."""

    def attempted(self, target: str, verdict: Verdict, dossiers: int, seconds: float) -> None:
        """Say nothing."""

    def confirmed(self, source: str, target: str, seconds: float) -> None:
        """Say nothing."""

    def parked(self, target: str, code: str) -> None:
        """Say nothing."""

    def failed(self, target: str, stage: str, error: Exception) -> None:
        """Say nothing."""
