"""What a receipt holds besides what became of the message: everything that proves it without the hub."""

from base64 import b64encode
from typing import Any, Final

import msgspec

from ledger.port import Proof


class _Place(msgspec.Struct, frozen=True, gc=False):
    """Where a leaf stands in the stream of its party."""

    sid: str
    rev: int
    prev: str


_PLACES: Final = msgspec.json.Decoder(_Place)


def evidence(proof: Proof) -> dict[str, Any]:
    """The members of a receipt that prove the leaf of a message.

    ``source`` is the party's own sequence: its stream, the number of this message in it, and the leaf hash of the one
    before. Two receipts with consecutive numbers leave no room for a message between them.
    """
    place = _PLACES.decode(proof.leaf)
    return {
        "position": proof.position,
        "leaf_hash": proof.leaf_hash.hex(),
        "checkpoint": proof.checkpoint,
        "proof": proof.proof,
        "source": {"stream": place.sid, "rev": place.rev, "prev": place.prev},
        "leaf": b64encode(proof.leaf).decode("ascii"),
        "opening": proof.opening,
    }
