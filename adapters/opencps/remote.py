"""One provincial system, or the LGSP in front of it, as a target: client_credentials for a token, then messages.

The format has no query: what the target holds can not be asked. One message is one request, unless arrays are agreed.
"""

from collections.abc import Sequence
from typing import Final

from adapters.opencps.fields import RECORD, RECORD_ARRAY, TRACE
from adapters.opencps.replies import understand
from adapters.opencps.session import Session
from contracts.delivery import Outcome, Rendering, Standing, Verdict
from contracts.errors import TargetUnavailable
from contracts.ports import Address, Profile, Transport

ARRAY_LIMIT: Final = 100
"""Most records in one array, where arrays are agreed with the other side."""

_ARRAY_OPTION: Final = {RECORD: "sync_arrays", TRACE: "trace_arrays"}
_PATHS: Final = {RECORD: f"/Document/{RECORD}", TRACE: f"/Document/{TRACE}"}
_ARRAY_PATHS: Final = {RECORD: f"/Document/{RECORD_ARRAY}", TRACE: f"/Document/{TRACE}"}


def takes_arrays(profile: Profile) -> bool:
    """Whether arrays of any kind are agreed with the party."""
    return any(profile.options.get(option) == "true" for option in _ARRAY_OPTION.values())


class OpenCpsRemote:
    """The ``Remote`` port."""

    def __init__(self, address: Address, transport: Transport, profile: Profile) -> None:
        self._session: Final = Session(address, transport)
        self._arrays: Final = frozenset(
            service for service, option in _ARRAY_OPTION.items() if profile.options.get(option) == "true"
        )
        self._ahead: dict[tuple[str, str, tuple[int, ...]], bytes] = {}

    async def send(self, batch: Sequence[Rendering]) -> Outcome:
        """Send one batch. Without arrays its messages go one by one and the first that is not done is the outcome.

        Messages of such a batch that the target had taken already are not sent again when the batch is split to find
        the one at fault: a trace sent twice stands there twice.
        """
        service = batch[0].service
        if service in self._arrays:
            body = b"[" + b",".join([rendering.body for rendering in batch]) + b"]"
            return await self._push(_ARRAY_PATHS[service], body)
        outcome = Outcome(verdict="done")
        for place, rendering in enumerate(batch):
            key = (rendering.service, rendering.code, rendering.rows)
            if self._ahead.pop(key, None) == rendering.body:
                continue
            outcome = await self._push(_PATHS[service], rendering.body)
            if outcome.verdict != "done":
                self._remember(batch[:place])
                break
        return outcome

    async def ask(self, code: str) -> Standing:
        """The format has no query."""
        del code
        return Standing(askable=False)

    async def close(self) -> None:
        """There is no logout: a token ends by itself."""

    def _remember(self, taken: Sequence[Rendering]) -> None:
        for rendering in taken:
            self._ahead[rendering.service, rendering.code, rendering.rows] = rendering.body

    async def _push(self, path: str, body: bytes) -> Outcome:
        try:
            reply = await self._session.post(path, body)
        except TargetUnavailable as fault:
            verdict: Verdict = "unknown" if fault.code == "target.unknown" else "retry"
            return Outcome(verdict=verdict, phrase=fault.code, retry_after_s=fault.retry_after_s)
        return understand(reply)[1]
