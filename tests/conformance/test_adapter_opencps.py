"""The OpenCPS adapter keeps the port's promises."""

from adapters import registry
from adapters.kit import AdapterConformance
from contracts.delivery import Rendering, Reply, Request
from contracts.envelope import Envelope
from contracts.ports import Profile


class TestOpenCps(AdapterConformance):
    adapter = registry.get("opencps")
    one_way = frozenset({"supplements", "documents", "fees"})
    """Their members are carried in part only: codes, addresses and contents have no place in the format."""

    def carrying(self, rendering: Rendering) -> Envelope | None:
        return Envelope(
            party="tinh-mau",
            adapter="opencps",
            body=rendering.body,
            received_at=1_741_579_200_000_000,
            type=f"opencps/{rendering.service}",
        )

    def accepting(self, request: Request) -> Reply:
        if request.url.endswith("/token"):
            return Reply(status=200, body=b'{"access_token": "the", "token_type": "Bearer", "expires_in": 3600}')
        return Reply(status=200, body=b'{"Status": 1, "Message": ""}')


class TestOpenCpsWithFineStates(TestOpenCps):
    profile = Profile(options={"fine_states": "true", "date_tail": "Z"})
