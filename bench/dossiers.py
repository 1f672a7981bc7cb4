"""Messages to send: invented dossiers of 1.5 kB and 27 fields, each another one. Same number, same bytes."""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import msgspec

from adapters.portal.fields import EDITION_2019, RECORD
from adapters.portal.online import online_record

SEED: Final = 2026
HEAD: Final = {"session": "", "madonvi": "000.00.00.H99", "service": RECORD, "isUpdating": "False"}


def record(number: int) -> dict[str, Any]:
    """One dossier with the 27 fields of the 2019 edition."""
    whole = online_record(SEED, number)
    return {name: whole[name] for name in EDITION_2019}


def packets(first: int, n: int, per_packet: int) -> Iterator[bytes]:
    """``n`` dossiers from number ``first`` on as bodies of ``DongBoHoSoMC``."""
    for start in range(first, first + n, per_packet):
        numbers = range(start, min(start + per_packet, first + n))
        yield msgspec.json.encode({**HEAD, "data": [record(number) for number in numbers]})


@cache
def bodies(first: int, n: int, per_packet: int) -> tuple[bytes, ...]:
    """The same, made once."""
    return tuple(packets(first, n, per_packet))


def code(number: int) -> bytes:
    """The dossier code of a number, as it stands in the message."""
    return str(online_record(SEED, number)["MaHoSo"]).encode()
