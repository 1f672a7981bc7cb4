"""Everything by which this hub and outsiders vouch for each other, put together from the settings.

Witnesses and a timestamping authority vouch for its log; it may itself be a witness of other logs. Nothing of it is on
the way of a message but one comparison, and only where the fail-closed switch is on.
"""

from collections.abc import Coroutine, Mapping
from datetime import datetime
from typing import Any, Final

from adapters.transports.fetch import http_fetch
from contracts.errors import HubError, IntegrityViolation, MessageRefused, Misconfigured
from contracts.moment import MICROS_PER_SECOND, from_datetime, rfc3339
from contracts.ports import Admit, Clock, Entropy, Fetch, Files, Principal
from hub.jobs.timestamps import TimestampJob, judge_timestamp
from hub.jobs.witness import FINDING_FILE, WitnessJob
from hub.settings import Settings
from hub.testimony import Freshness, VouchedAdmit
from ledger.anchors import Anchors, Kind, judge_cosignature
from ledger.cosignature import parse_witness_key
from ledger.note import VerifierKey, parse_vkey
from ledger.policy import KnownWitness, Policy, quorum_of
from ledger.publication import LOG_PREFIX
from ledger.tiles import CHECKPOINT
from ledger.timestamp import load_roots
from ledger.witness import WitnessClient
from ledger.witnessing import WitnessService, witness_signer
from ledger.writer import Writer
from monitoring.logs import get_logger
from monitoring.metrics import Metrics

LOOK_S: Final = 3.0
"""How long a start waits for the witnesses, seconds."""


class OutsideWatch:
    """What operations see of witnesses and timestamps."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def on_witness(self, witness: str, outcome: str) -> None:
        """A witness was asked."""
        self._metrics.cosignatures.add(1, witness, outcome)

    def on_contradiction(self, witness: str) -> None:
        """A witness holds a newer or another tree of this log."""
        self._metrics.cosignatures.add(1, witness, "permanent")
        self._metrics.witness_contradictions.add(1)

    def on_timestamp(self, outcome: str) -> None:
        """An authority was asked."""
        self._metrics.timestamps.add(1, outcome)


class Outside:
    """The outside of one hub."""

    def __init__(
        self,
        settings: Settings,
        *,
        ledger: Writer,
        files: Files,
        clock: Clock,
        entropy: Entropy,
        metrics: Metrics,
        fetch: Fetch | None = None,
    ) -> None:
        """Raises ``Misconfigured`` for keys and certificates that can not be read."""
        self._settings = settings
        self._ledger = ledger
        self._files = files
        self._clock = clock
        self._fetch = fetch or http_fetch()
        self._observer = OutsideWatch(metrics)
        self._metrics = metrics
        self._opened = False
        self._log = get_logger("outside")
        self.policy: Final = policy_of(settings)
        self.anchors: Final = Anchors(files, ledger, clock)
        kinds: list[Kind] = []
        if settings.witness:
            kinds.append("witness")
        if settings.timestamp.url:
            kinds.append("timestamp")
        self.testimony: Final = Freshness(clock, ledger, kinds=tuple(kinds), max_age_s=settings.testimony.max_age_s)
        self.witnesses: Final = self._witness_job() if settings.witness else None
        self.timestamps: Final = self._timestamp_job(entropy) if settings.timestamp.url else None
        self.witnessing: Final = _witnessing(settings, files, clock, entropy)

    # ── putting together ─────────────────────────────────────────────────────────────────────────

    def _witness_job(self) -> WitnessJob:
        quorum = self._settings.quorum
        tree = self._ledger.tree()
        clients = [
            WitnessClient(
                witness,
                fetch=self._fetch,
                files=self._files,
                get_node=lambda level, index: tree.hashes(level, index, 1)[0],
                committed=lambda: self._ledger.committed,
                timeout_s=quorum.timeout_s,
            )
            for witness in self.policy.witnesses
        ]
        self.anchors.judges["witness"] = judge_cosignature(self.policy.keys)
        return WitnessJob(
            clients,
            policy=self.policy,
            newest=self.newest,
            ledger=self._ledger,
            files=self._files,
            clock=self._clock,
            anchors=self.anchors,
            testimony=self.testimony,
            observer=self._observer,
            interval_s=quorum.interval_s,
            anchor_interval_s=quorum.anchor_interval_s,
        )

    def _timestamp_job(self, entropy: Entropy) -> TimestampJob:
        settings = self._settings.timestamp
        try:
            roots = load_roots(self._files.read(settings.ca_file))
        except (FileNotFoundError, ValueError) as error:
            raise Misconfigured("config.invalid", f"no certificate: {error}", name="timestamp.ca_file") from error
        self.anchors.judges["timestamp"] = judge_timestamp(roots)
        return TimestampJob(
            url=settings.url,
            roots=roots,
            fetch=self._fetch,
            newest=self.newest,
            anchors=self.anchors,
            testimony=self.testimony,
            clock=self._clock,
            entropy=entropy,
            observer=self._observer,
            interval_s=settings.interval_s,
            timeout_s=settings.timeout_s,
            retry_first_s=settings.retry_first_s,
            retry_longest_s=settings.retry_longest_s,
        )

    def newest(self) -> str:
        """The newest published checkpoint; where nothing is published, the newest committed one."""
        if self._settings.publish.enabled:
            try:
                return self._files.read(LOG_PREFIX + CHECKPOINT).decode("utf-8", "replace")
            except FileNotFoundError:
                pass
        return self._ledger.checkpoint()

    def guarded(self, admit: Admit) -> Admit:
        """The door for messages, behind the fail-closed switch where that is on."""
        return VouchedAdmit(admit, self.testimony) if self.testimony.is_on else admit

    # ── life ─────────────────────────────────────────────────────────────────────────────────────

    async def open(self) -> None:
        """Before anything is signed: refuse after a finding, give evidence its leaves, hear the witnesses. Once.

        Raises:
            IntegrityViolation: ``ledger.rollback``: a witness knows a newer or another tree of this log, now or then.
        """
        if self._opened:
            return
        self._opened = True
        if self.witnesses is not None:
            self.witnesses.refuse_after_finding()
            await self.witnesses.look(LOOK_S)
        if self.testimony.kinds:
            recovered = await self.anchors.recover()
            if recovered or self.anchors.unreadable:
                self._log.warning("evidence without a leaf", anchored=recovered, unreadable=self.anchors.unreadable)
        for kind in self.testimony.kinds:
            self.testimony.heard(kind, self.anchors.newest(kind))
        self.testimony.recover()
        self._watch_levels()

    def _watch_levels(self) -> None:
        self._metrics.testimony_age.read_from(
            lambda: {(kind,): self._age_s(self.testimony.newest(kind)) for kind in self.testimony.kinds}
        )
        self._metrics.testimony_stale.read_value(lambda: float(bool(self.testimony.ailment())))

    def _newest_of(self, kind: Kind) -> int:
        return max(self.testimony.newest(kind), self.anchors.kept(kind))

    def _age_s(self, at_us: int) -> float:
        return max(0.0, (self._clock.now() - at_us) / MICROS_PER_SECOND)

    def jobs(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        """The periodic work, by name."""
        found = []
        if self.witnesses is not None:
            found.append(("witness", self.witnesses.run()))
        if self.timestamps is not None:
            found.append(("timestamp", self.timestamps.run()))
        return found

    async def close(self) -> None:
        """Release connections."""
        await self._fetch.close()

    async def testify(self) -> dict[str, Any]:
        """Have the newest published checkpoint vouched for now by everybody configured, with leaves.

        For keys about to change, and on demand. What could not be had is told, not raised.

        Raises:
            IntegrityViolation: ``ledger.rollback`` or ``ledger.unavailable``; nothing is signed any more.
        """
        await self.open()
        shown: dict[str, Any] = {"checkpoint": self.newest(), "quorum": None, "timestamp": None, "trouble": []}
        if self.witnesses is not None:
            shown["quorum"] = await self.witnesses.round(anchor=True)
            shown["trouble"] += [f"{one.witness.name}: {one.trouble}" for one in self.witnesses.clients if one.trouble]
        if self.timestamps is not None:
            try:
                said = await self.timestamps.stamp()
                shown["timestamp"] = {
                    "at": rfc3339(said.at_us),
                    "authority": said.authority,
                    "serial": str(said.serial),
                }
            except HubError as error:
                if isinstance(error, IntegrityViolation) and error.code != "testimony.invalid":
                    raise
                shown["trouble"].append(f"timestamp: {error.detail or error.code}")
        return shown

    # ── commands ─────────────────────────────────────────────────────────────────────────────────

    async def anchor_now(self, _principal: Principal, _values: Mapping[str, Any]) -> Any:
        """``anchor.now``: vouched for by everybody configured, now."""
        if not self.testimony.kinds:
            raise Misconfigured("config.missing", "no [[witness]] and no [timestamp] url is configured", name="witness")
        return await self.testify()

    async def list_witnesses(self, _principal: Principal, _values: Mapping[str, Any]) -> Any:
        """``witness.list``: who vouches for this log, how far, and what is wrong."""
        clients = () if self.witnesses is None else self.witnesses.clients
        return {
            "witnesses": [
                {
                    "name": one.witness.name,
                    "url": one.witness.url,
                    "vkey": one.witness.key.text(),
                    "size": one.known.size,
                    "at": rfc3339(one.known.at_s * MICROS_PER_SECOND) if one.known.at_s else None,
                    "trouble": one.trouble,
                }
                for one in clients
            ],
            "testimony": {
                kind: {"at": rfc3339(at) if (at := self._newest_of(kind)) else None, "age_s": self._age_s(at)}
                for kind in self.testimony.kinds
            },
            "overridden_until": rfc3339(until) if (until := self.testimony.overridden_until) else None,
            "is_stale": bool(self.testimony.ailment()),
            "cosigns_as": self.witnessing.key.text() if self.witnessing is not None else None,
        }

    async def override(self, principal: Principal, values: Mapping[str, Any]) -> Any:
        """``testimony.override``: let messages in until a stated time (RFC 3339, with an offset)."""
        text, reason = values.get("until", ""), values.get("reason", "")
        try:
            until_us = from_datetime(datetime.fromisoformat(text))
        except (TypeError, ValueError, OverflowError) as error:
            raise MessageRefused("query.invalid", "a time like 2026-01-05T18:00:00+07:00", name="until") from error
        if not isinstance(reason, str):
            raise MessageRefused("query.invalid", name="reason")
        position = await self.testimony.override(until_us=until_us, by=principal.party, reason=reason)
        return {"until": rfc3339(until_us), "position": position}


def policy_of(settings: Settings) -> Policy:
    """Whom this hub asks to vouch for its log, and how many of them make a quorum.

    Raises:
        Misconfigured: ``config.invalid`` for a key that is none or stands there twice.
    """
    witnesses = []
    for one in settings.witness:
        try:
            witnesses.append(KnownWitness(one.name, parse_witness_key(one.vkey), one.url))
        except ValueError as error:
            raise Misconfigured("config.invalid", str(error), name=f"witness {one.name} vkey") from error
    return quorum_of(witnesses, settings.quorum.needed)


def _witnessing(settings: Settings, files: Files, clock: Clock, entropy: Entropy) -> WitnessService | None:
    """This hub as a witness of others, None where it watches nobody."""
    if not settings.watched:
        return None
    logs: dict[str, list[VerifierKey]] = {}
    for one in settings.watched:
        try:
            key = parse_vkey(one.vkey)
        except ValueError as error:
            raise Misconfigured("config.invalid", str(error), name="watched vkey") from error
        logs.setdefault(one.origin or key.name, []).append(key)
    signer = witness_signer(files, entropy, settings.witnessing.name or f"{settings.ledger.origin}/witness")
    return WitnessService(files=files, signer=signer, clock=clock, logs=logs)


__all__ = ["FINDING_FILE", "Outside", "OutsideWatch", "policy_of"]
