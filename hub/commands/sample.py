"""``lienthong sample generate``: made-up messages of one format, marked as such, full of Vietnamese diacritics."""

import sys
from collections.abc import Iterator

from contracts.errors import MessageRefused


def generate(kind: str, *, dossiers: int, seed: int) -> None:
    """Print one message per line; the same seed gives the same bytes."""
    for body in _bodies(kind, dossiers, seed):
        sys.stdout.buffer.write(body.replace(b"\n", b" ") + b"\n")


def _bodies(kind: str, dossiers: int, seed: int) -> Iterator[bytes]:
    if kind == "portal":
        from adapters.portal.online import online_dossiers

        return iter(online_dossiers(seed, dossiers))
    if kind == "opencps":
        from adapters.opencps.invented import life_of

        return (body for life in life_of(seed, dossiers) for _, body in life.messages)
    if kind == "civil_status":
        from adapters.civil_status.invented import births

        return iter(births(seed, dossiers))
    raise MessageRefused("query.invalid", "portal, opencps or civil_status", name="format")
