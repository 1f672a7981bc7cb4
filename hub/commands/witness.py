"""``lienthong witness`` and ``lienthong anchor``: outside testimony, looked at and asked for."""

import tomllib
from typing import Final

from contracts.errors import Misconfigured
from hub.commands.asking import ask
from hub.commands.locate import config_path
from hub.commands.output import emit_json, emit_table, say
from hub.outside import policy_of
from hub.settings import check
from hub.world import DiskFiles

EXIT_OK: Final = 0
EXIT_REMOTE: Final = 6
_COLUMNS: Final = ("name", "size", "at", "trouble", "url")


def add(config: str, *, name: str, url: str, vkey: str) -> None:
    """Append a ``[[witness]]`` to the configuration file, if it is whole with it.

    Raises:
        Misconfigured: what the configuration would then break; the file is left as it was.
    """
    path = config_path(config)
    values = (name, url, vkey)
    if any(char in value for value in values for char in '"\\\n\r') or not all(value.isprintable() for value in values):
        raise Misconfigured("config.invalid", "no quotes, backslashes or line feeds", name="witness")
    block = f'\n[[witness]]\nname = "{name}"\nurl = "{url}"\nvkey = "{vkey}"\n'
    text = path.read_text("utf-8") + block
    policy = policy_of(check(tomllib.loads(text)))
    mode = path.stat().st_mode & 0o777
    DiskFiles(path.parent).write_durable(path.name, text.encode(), mode=mode)
    say(f"{path}: {len(policy.witnesses)} witnesses, quorum {policy.groups[0].needed}; restart a serving hub")


def listing(config: str, *, as_json: bool) -> None:
    """Who vouches for the log."""
    answer = ask(config, "witness.list", {})
    if as_json:
        emit_json(answer)
        return
    emit_table(_COLUMNS, answer["witnesses"])
    for kind, newest in answer["testimony"].items():
        say(f"newest {kind}: {newest['at'] or 'never'}")
    if answer["is_stale"]:
        say("INTAKE IS CLOSED: the newest testimony is too old")
    if answer["overridden_until"]:
        say(f"overridden until {answer['overridden_until']}")
    if answer["cosigns_as"]:
        say(f"cosigns for others as {answer['cosigns_as']}")


def override(config: str, *, until: str, reason: str) -> None:
    """Let messages in for a while."""
    answer = ask(config, "testimony.override", {"until": until, "reason": reason})
    say(f"messages are taken until {answer['until']}; on the log at position {answer['position']}")


def anchor_now(config: str, *, as_json: bool) -> int:
    """Ask everybody now; 6 when some of it could not be had."""
    answer = ask(config, "anchor.now", {})
    if as_json:
        emit_json(answer)
    else:
        size = answer["checkpoint"].split("\n", 2)[1]
        rows = [{"checkpoint": size, "quorum": answer["quorum"], "timestamp": (answer["timestamp"] or {}).get("at")}]
        emit_table(("checkpoint", "quorum", "timestamp"), rows)
    for line in answer["trouble"]:
        say(line)
    missing = answer["quorum"] is False or (answer["timestamp"] is None and bool(answer["trouble"]))
    return EXIT_REMOTE if missing else EXIT_OK
