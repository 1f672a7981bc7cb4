"""The independent verifier: what the log claims, judged without the program that wrote it.

It imports nothing of the hub, only the standard library and ``cryptography``, and shares no mathematics with the
writer: it follows the published formats (RFC 6962, C2SP signed-note, tlog-checkpoint, tlog-proof, RFC 8785).

Every function returns ``{"ok": bool, "checks": [{"check", "code", "ok", "position", "detail"}, …]}``; ``code`` names
what is wrong and is "" where nothing is, ``position`` the first place where it shows, or None.
"""

from ledger.verifier.log import verify_log
from ledger.verifier.message import verify_message
from ledger.verifier.proof import verify_proof

__all__ = ["verify_log", "verify_message", "verify_proof"]
