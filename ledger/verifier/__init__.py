"""The independent verifier: what the log claims, judged without the program that wrote it.

It imports nothing of the hub, only the standard library and ``cryptography``, and shares no mathematics with the
writer: it follows the published formats (RFC 6962, RFC 3161, RFC 8785, C2SP signed-note, tlog-checkpoint, tlog-proof,
tlog-tiles, tlog-cosignature, tlog-policy).

Every function returns ``{"ok": bool, "checks": [{"check", "code", "ok", "position", "detail"}, …]}``; ``code`` names
what is wrong and is "" where nothing is, ``position`` the first place where it shows, or None.
"""

from ledger.verifier.bundle import verify_bundle
from ledger.verifier.log import verify_log
from ledger.verifier.message import verify_message
from ledger.verifier.proof import verify_proof
from ledger.verifier.source import verify_source
from ledger.verifier.tiles import verify_tiles

__all__ = ["verify_bundle", "verify_log", "verify_message", "verify_proof", "verify_source", "verify_tiles"]
