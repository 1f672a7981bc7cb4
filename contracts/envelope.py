"""What a sender handed over, before anyone interprets it.

Invariant: ``body`` is the wire's own bytes, never re-encoded. Every hash, signature and duplicate check
is over these bytes, so a later schema change can not alter what the ledger says was received.
"""

import msgspec


class Envelope(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One message as it arrived.

    ``party`` is the party id as the transport authenticated it, never taken from the body.
    ``agencies`` are the agency codes the credential covers (normalised, top first; "" covers none).
    ``type`` is ``<standard>/<name>`` where the transport knows it ("qcvn120/DongBoHoSoMC"), else "".
    ``received_at`` is the hub's own clock, microseconds UTC.
    ``source_id`` is the message id of the party's own (``Idempotency-Key``, CloudEvents id, edXML id), "" if none.
    ``options`` are facts of the transport that belong to the meaning of the message: query parameters of the
    bare-array forms (``isUpdating``, ``MaDinhDanhDV``), sorted by name.
    """

    party: str
    adapter: str
    body: bytes
    received_at: int
    type: str = ""
    content_type: str = ""
    transport: str = "http"
    agencies: tuple[str, ...] = ()
    source_id: str = ""
    options: tuple[tuple[str, str], ...] = ()
    traceparent: str = ""
