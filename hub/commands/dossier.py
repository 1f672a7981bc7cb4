"""``lienthong dossier``: find, show, timeline, at, diff."""

from collections.abc import Mapping
from typing import Any

from hub.commands.asking import ask
from hub.commands.output import emit_json, emit_table, say


def find(config: str, *, query: str, agency: str, status: str, limit: int, as_json: bool) -> None:
    """Search dossiers."""
    page = ask(config, "dossier.list", {"query": query, "agency": agency, "status": status, "limit": limit})
    if as_json:
        emit_json(page)
        return
    emit_table(("code", "state", "agency", "procedure", "position"), page["dossiers"])
    if page["next"]:
        say("… more: narrow the search or raise --limit")


def show(config: str, *, code: str, as_json: bool) -> None:
    """The state of one dossier."""
    _shown(ask(config, "dossier.show", {"code": code}), as_json=as_json)


def at(config: str, *, code: str, time: str, position: int, as_json: bool) -> None:
    """The state of one dossier at a past moment."""
    _shown(ask(config, "dossier.at", {"code": code, "time": time, "position": position}), as_json=as_json)


def _shown(dossier: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit_json(dossier)
        return
    status = dossier["status"]
    words = f"{status.get('vi', '')} / {status.get('en', '')}"
    say(f"{dossier['code']}  {words} (portal {status['portal']}, {status['clock']})")
    emit_table(
        ("field", "value", "position", "party"),
        [{"field": name, **field} for name, field in dossier["fields"].items()],
    )
    for target, sync in dossier["sync"].items():
        say(f"{target}: {sync['state']} at {sync['position']} {sync['reason']}")


def timeline(config: str, *, code: str, as_json: bool) -> None:
    """Who changed what, when."""
    answer = ask(config, "dossier.timeline", {"code": code})
    if as_json:
        emit_json(answer)
        return
    emit_table(
        ("position", "time", "recorded", "party", "event", "what"),
        [_line(event) for event in answer["events"]],
    )


def _line(event: Mapping[str, Any]) -> dict[str, Any]:
    data = event.get("data", {})
    fact = data.get("fact", {})
    step = fact.get("step", {})
    return {
        "position": event["position"],
        "time": event["time"],
        "recorded": event["recordedtime"],
        "party": data.get("party", ""),
        "event": event["type"].removeprefix("vn.lienthong."),
        "what": step.get("content")
        or ", ".join(name for name in fact if name not in {"fact", "dossier", "at", "step"}),
    }


def diff(config: str, *, code: str, before: int, after: int, as_json: bool) -> None:
    """What changed between two positions."""
    answer = ask(config, "dossier.diff", {"code": code, "before": before, "after": after})
    emit_json(answer) if as_json else emit_table(("field", "before", "after", "position"), answer["changes"])
