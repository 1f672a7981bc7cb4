"""Rows in the binary format of COPY, packed by hand: a third of the time of packing them value by value.

PostgreSQL documentation, "COPY", binary format: signature, flags, extension length; per row the number of fields, per
field its length (-1 for NULL) and bytes in network order; -1 ends.
"""

from collections.abc import Sequence
from struct import Struct
from typing import Any, Final

_START: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_END: Final = b"\xff\xff"
_NULL: Final = b"\xff\xff\xff\xff"
_LENGTH: Final = Struct(">i").pack
_FIRST: Final = Struct(">hiqi").pack
_NUMBER: Final = Struct(">iqi").pack
_INT8: Final = 8
_EVENT_FIELDS: Final = 7
_MESSAGE_FIELDS: Final = 4


def events(rows: Sequence[Any]) -> bytes:
    """Rows of ``events``: position, stream, version, topic, leaf, state, salt or None."""
    packed = [_START]
    add = packed.append
    topics: dict[str, bytes] = {}
    for position, stream, version, topic, leaf, state, salt in rows:
        name = topics.get(topic)
        if name is None:
            name = topics[topic] = topic.encode()
        add(_FIRST(_EVENT_FIELDS, _INT8, position, len(stream)))
        add(stream)
        add(_NUMBER(_INT8, version, len(name)))
        add(name)
        add(_LENGTH(len(leaf)))
        add(leaf)
        add(_LENGTH(len(state)))
        add(state)
        if salt is None:
            add(_NULL)
        else:
            add(_LENGTH(len(salt)))
            add(salt)
    add(_END)
    return b"".join(packed)


def messages(rows: Sequence[Any]) -> bytes:
    """Rows of ``messages``: position, layout, commitments, sealed."""
    packed = [_START]
    add = packed.append
    for position, layout, commitments, sealed in rows:
        add(_FIRST(_MESSAGE_FIELDS, _INT8, position, len(layout)))
        add(layout)
        add(_LENGTH(len(commitments)))
        add(commitments)
        add(_LENGTH(len(sealed)))
        add(sealed)
    add(_END)
    return b"".join(packed)
