"""Has the newest published checkpoint timestamped: every hour, when asked to, and before a key changes.

A token that comes is judged, kept, and made a leaf. An authority that is down, slow or wrong costs nothing but a retry:
waits double up to a limit, with jitter, and no message waits for it.
"""

import asyncio
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final, Protocol

from cryptography import x509

from contracts.delivery import Request
from contracts.errors import HubError, IntegrityViolation, Overloaded, TargetUnavailable
from contracts.moment import MICROS_PER_SECOND
from contracts.ports import Clock, Entropy, Fetch
from hub.testimony import Freshness
from ledger import timestamp
from ledger.anchors import Anchors, Evidence, Judge, of_timestamp
from ledger.timestamp import Timestamp
from monitoring.logs import get_logger

_OK: Final = 200
_SKEW_US: Final = 5 * MICROS_PER_SECOND


class Observer(Protocol):
    """What operations want to see of timestamps. Called on the loop; MUST be cheap and MUST NOT raise."""

    def on_timestamp(self, outcome: str) -> None:
        """An authority was asked: ok · refused (what it answered does not hold) · unavailable."""
        ...


def judge_timestamp(roots: Sequence[x509.Certificate]) -> Judge:
    """Judges kept tokens by the authorities configured today."""

    def judge(content: bytes, note: bytes) -> Evidence:
        return of_timestamp(content, note, timestamp.verify(content, note, roots, nonce=None))

    return judge


class TimestampJob:
    """The timestamps of one log from one authority. ``roots`` are the certificates that are believed."""

    def __init__(  # noqa: PLR0913  # everything from outside comes in here, by name
        self,
        *,
        url: str,
        roots: Sequence[x509.Certificate],
        fetch: Fetch,
        newest: Callable[[], str],
        anchors: Anchors,
        testimony: Freshness,
        clock: Clock,
        entropy: Entropy,
        observer: Observer,
        interval_s: float,
        timeout_s: float,
        retry_first_s: float,
        retry_longest_s: float,
    ) -> None:
        self._url = url
        self._roots = tuple(roots)
        self._fetch = fetch
        self._newest = newest
        self._anchors = anchors
        self._testimony = testimony
        self._clock = clock
        self._nonces = entropy.stream("timestamp-nonces")
        self._jitter = entropy.stream("timestamp-jitter")
        self._observer = observer
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._retry_first_s = retry_first_s
        self._retry_longest_s = retry_longest_s
        self._turn = asyncio.Lock()
        self._failures = 0
        self._log = get_logger("timestamp")
        self.trouble = ""
        """Why the last attempt brought no token, "" when it did."""

    async def run(self) -> None:
        """Ask for ever: an interval after the newest token, sooner after a failure.

        Raises:
            IntegrityViolation: ``ledger.unavailable`` when the log stopped.
        """
        while True:
            await asyncio.sleep(self._wait_s())
            try:
                await self.stamp()
            except (TargetUnavailable, Overloaded) as error:
                self._log.warning("no timestamp", code=error.code, reason=error.detail, failures=self._failures)
            except IntegrityViolation as error:
                if error.code != "testimony.invalid":
                    raise
                self._log.error("timestamp refused", reason=error.detail, failures=self._failures)

    def _wait_s(self) -> float:
        """Until the next attempt, seconds."""
        if self._failures:
            wait = self._retry_first_s * 2.0 ** min(self._failures - 1, 30)
            return min(wait, self._retry_longest_s) * (0.5 + self._jitter.random() / 2)
        age_s = (self._clock.now() - self._anchors.newest("timestamp")) / MICROS_PER_SECOND
        return min(max(self._interval_s - age_s, 0.0), self._interval_s)

    async def stamp(self) -> Timestamp:
        """Have the newest published checkpoint timestamped now; returns once its leaf is durable.

        Raises:
            TargetUnavailable: the authority does not answer, not in time, or not with a timestamp.
            IntegrityViolation: ``testimony.invalid``: what it answered does not hold.
            Overloaded: the log takes nothing now; the token is kept and gets its leaf later.
        """
        async with self._turn:
            try:
                said = await self._stamp(self._newest().encode())
            except HubError as error:
                self._failures += 1
                self.trouble = error.detail or error.code
                self._observer.on_timestamp("refused" if error.code == "testimony.invalid" else "unavailable")
                raise
            self._failures = 0
            self.trouble = ""
            self._observer.on_timestamp("ok")
            return said

    async def _stamp(self, covered: bytes) -> Timestamp:
        if not covered:
            raise TargetUnavailable("target.unavailable", "there is no checkpoint yet")
        nonce = int.from_bytes(self._nonces.bytes(timestamp.NONCE_BYTES), "big")
        reply = await self._fetch(
            Request(
                method="POST",
                url=self._url,
                headers=(("Content-Type", timestamp.QUERY_TYPE), ("Accept", timestamp.REPLY_TYPE)),
                body=timestamp.request(sha256(covered).digest(), nonce),
                timeout_s=self._timeout_s,
            )
        )
        if reply.status != _OK:
            raise TargetUnavailable("target.unavailable", f"HTTP status {reply.status}")
        said = timestamp.verify(reply.body, covered, self._roots, nonce=nonce)
        if abs(said.at_us - self._clock.now()) > _SKEW_US:
            self._log.warning("clocks differ", theirs_minus_ours_s=(said.at_us - self._clock.now()) / MICROS_PER_SECOND)
        self._testimony.heard("timestamp", said.at_us)
        await self._anchors.anchor(of_timestamp(reply.body, covered, said))
        return said
