"""``lienthong parked``: what waits for a human."""

from hub.commands.asking import ask
from hub.commands.output import emit_json, emit_table, say


def listing(config: str, *, target: str, as_json: bool) -> None:
    """Everything parked."""
    answer = ask(config, "parked.list", {"target": target})
    emit_json(answer) if as_json else emit_table(("code", "target", "reason", "through"), answer["parked"])


def show(config: str, *, code: str, target: str, as_json: bool) -> None:
    """One parked delivery."""
    answer = ask(config, "parked.show", {"code": code, "target": target})
    if as_json:
        emit_json(answer)
    else:
        emit_table(("field", "value"), [{"field": name, "value": value} for name, value in answer.items()])


def requeue(config: str, *, code: str, target: str, note: str) -> None:
    """Put a parked delivery back."""
    ask(config, "parked.requeue", {"code": code, "target": target, "note": note})
    say(f"{code} → {target}: requeued")
