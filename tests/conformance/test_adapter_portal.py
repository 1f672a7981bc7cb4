"""The portal adapter keeps the port's promises."""

from adapters import registry
from adapters.kit import AdapterConformance
from adapters.portal.xmlform import encode
from contracts.delivery import Rendering, Reply, Request
from contracts.envelope import Envelope
from contracts.ports import Profile


class TestPortal(AdapterConformance):
    adapter = registry.get("portal")

    def carrying(self, rendering: Rendering) -> Envelope | None:
        head = f'{{"session": "s", "madonvi": "H99", "service": "{rendering.service}", "isUpdating": "False", "data": ['
        return self._envelope(rendering, head.encode() + rendering.body + b"]}")

    def _envelope(self, rendering: Rendering, body: bytes) -> Envelope:
        return Envelope(
            party="tinh-mau", adapter="portal", body=body, received_at=0, type=f"qcvn120/{rendering.service}"
        )

    def accepting(self, request: Request) -> Reply:
        if request.url.endswith("/mapi/login"):
            return Reply(status=200, body=b'{"error_code": 0, "session": "s"}')
        return Reply(status=200, body=b'{"error_code": "0", "message": ""}')


class TestPortalInXml(TestPortal):
    profile = Profile(options={"format": "xml"})

    def carrying(self, rendering: Rendering) -> Envelope | None:
        root = rendering.service.encode()
        service = encode("service", rendering.service)
        return self._envelope(rendering, b"<%b>%b<data>%b</data></%b>" % (root, service, rendering.body, root))


class TestPortalOf2019(TestPortal):
    profile = Profile(options={"edition": "2019"})
    never_carried = frozenset(
        {
            "channel",
            "applicant_paper_number",
            "applicant_papers",
            "submitted_through",
            "has_digitised_documents",
            "account_verified",
            "paid_online",
            "submitted_at",
            "refused_at",
            "connected_databases",
        }
    )
