"""``lienthong erase``: content is erased for ever, in the running hub or alone under the ledger's lock."""

from collections.abc import Sequence
from typing import Final

from hub.commands.asking import ask
from hub.commands.output import emit_json, say

_NEEDS_YES: Final = 7


def run(config: str, *, code: str, ground: str, items: Sequence[str], yes: bool, as_json: bool) -> None:
    """Erase a dossier, or some items of it; without ``yes`` say what would be erased and exit 7."""
    values = {"code": code, "ground": ground, "items": list(items)}
    if not yes:
        would = ask(config, "erase.preview", values)
        say(f"{code}: {len(would['items'])} items under {len(would['streams']) or 1} stream would be erased for ever:")
        for name in would["items"]:
            say(f"  {name}")
        say(_copies(would["parties"]))
        say("Nothing was erased; say --yes")
        raise SystemExit(_NEEDS_YES)
    answer = ask(config, "erase", values)
    if as_json:
        emit_json(answer)
        return
    say(f"erased at position {answer['position']}: {len(answer['items'])} items, {answer['keys']} keys destroyed")
    for stream in answer["streams"]:
        say(f"stream {stream}")
    for target, count in answer["withdrawn"].items():
        say(f"not sent any more to {target}: {count}")
    say(_copies(answer["parties"]))


def _copies(parties: Sequence[str]) -> str:
    return f"Copies of their own may be held by: {', '.join(parties)}" if parties else "No party told of it."
