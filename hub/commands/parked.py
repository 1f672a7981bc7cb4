"""``lienthong parked``: what waits for a human."""

from typing import Any

from contracts.errors import MessageRefused
from hub.commands.asking import ask
from hub.commands.output import emit_json, emit_table, say


def listing(config: str, *, target: str, as_json: bool) -> None:
    """Everything parked."""
    answer = ask(config, "parked.list", {"target": target})
    if as_json:
        emit_json(answer)
        return
    emit_table(("kind", "code", "target", "reason", "path", "position"), answer["parked"])
    if answer["total"] > len(answer["parked"]):
        say(f"{len(answer['parked'])} of {answer['total']}, the oldest first")


def show(config: str, *, code: str, target: str, position: int, as_json: bool) -> None:
    """One parked delivery or record."""
    answer = ask(config, "parked.show", _which(code, target, position))
    if as_json:
        emit_json(answer)
    else:
        emit_table(("field", "value"), [{"field": name, "value": value} for name, value in answer.items()])


def requeue(config: str, *, code: str, target: str, position: int, note: str) -> None:
    """Put a parked delivery back, or have a parked record read again by today's mapping."""
    if not position and not note.strip():
        raise MessageRefused("query.invalid", "say why a delivery goes again", name="--note")
    answer = ask(config, "parked.requeue", {**_which(code, target, position), "note": note})
    told = f"read again, {answer['state']}" if position else f"requeued for {target}"
    say(f"{answer['code']}: {told}")


def dismiss(config: str, *, code: str, target: str, position: int, note: str) -> None:
    """Settle that nobody will see to it."""
    answer = ask(config, "parked.dismiss", {**_which(code, target, position), "note": note})
    say(f"{answer['code']}: dismissed")


def _which(code: str, target: str, position: int) -> dict[str, Any]:
    """A delivery by dossier and target, or a record by the position at which it was parked."""
    if position and not code and not target:
        return {"position": position}
    if not position and code and target:
        return {"code": code, "target": target}
    raise MessageRefused("query.invalid", "name CODE and TARGET of a delivery, or --position of a record", name="CODE")
