"""``lienthong key``: the keys of the log, in the running hub or alone under the ledger's lock."""

from collections.abc import Mapping
from typing import Any, Final

from hub.commands.asking import ask
from hub.commands.output import emit_json, emit_table, say

_COLUMNS: Final = ("vkey", "purpose", "position", "last_size", "revoked_since", "signs")


def listing(config: str, *, as_json: bool) -> None:
    """Every announced key."""
    answer = ask(config, "key.list", {})
    if as_json:
        emit_json(answer)
        return
    emit_table(_COLUMNS, answer["keys"])
    for found in answer["findings"]:
        say(f"{found['code']} at {found['position']}: {found['detail']}")


def change(config: str, command: str, values: Mapping[str, Any], *, as_json: bool) -> None:
    """Run a command that writes a key event."""
    answer = ask(config, command, values)
    if as_json:
        emit_json(answer)
    else:
        say(f"{answer['vkey']}: on the log at position {answer['position']}")


def report(config: str, *, since: str, key: str, as_json: bool) -> None:
    """What rests on one key."""
    answer = ask(config, "key.report", {"since": since, "vkey": key})
    if as_json:
        emit_json(answer)
        return
    first, last = answer["positions"]
    say(f"{answer['vkey']} alone signed positions {first} to {last} since {answer['since']}")
    say(f"receipts: {len(answer['receipts'])}, of which nobody outside saw {answer['uncovered']}")
    rows = [{**one, "covered": (one["covered"] or {}).get("at", "")} for one in answer["receipts"]]
    emit_table(("position", "covered"), rows)
    for one in answer["key_events"]:
        say(f"key event at {one['position']}")
