"""``erase`` and ``erase.preview``: erasing asked for by operators and the command line."""

from collections.abc import Mapping
from typing import Any, Final

from contracts.errors import MessageRefused
from contracts.ports import Principal
from hub.api.sight import Sight, stream_named
from hub.erase import Eraser
from ledger.writer import Writer

LONGEST_GROUND: Final = 500


class EraseCommands:
    """``erase`` and ``erase.preview`` for operators and the command line."""

    def __init__(self, eraser: Eraser, sight: Sight, ledger: Writer) -> None:
        self._eraser = eraser
        self._sight = sight
        self._ledger = ledger

    async def erase(self, principal: Principal, values: Mapping[str, Any]) -> dict[str, Any]:
        """Erase; answered when nothing can be opened any more and no copy is left."""
        stream, ground, items = self._asked(principal, values)
        return await self._eraser.erase(stream, ground=ground, by=principal.party, items=items)

    async def preview(self, principal: Principal, values: Mapping[str, Any]) -> dict[str, Any]:
        """What ``erase`` would erase."""
        stream, _, items = self._asked(principal, values)
        return await self._eraser.preview(stream, items=items)

    def _asked(self, principal: Principal, values: Mapping[str, Any]) -> tuple[bytes, str, list[str]]:
        code, ground, items = values.get("code"), values.get("ground"), values.get("items", [])
        if not isinstance(code, str) or not code:
            raise MessageRefused("query.invalid", name="code")
        if not isinstance(ground, str) or not 0 < len(ground.strip()) <= LONGEST_GROUND:
            raise MessageRefused("query.invalid", f"1 to {LONGEST_GROUND} characters", name="ground")
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise MessageRefused("query.invalid", name="items")
        state = self._sight.find(principal, code)
        stream = state.stream if state is not None else stream_named(code)
        if not stream or not self._ledger.erasure.is_dossier(stream):
            raise MessageRefused("query.not_found")
        return stream, ground.strip(), items
