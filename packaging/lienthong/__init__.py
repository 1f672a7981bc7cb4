"""Liên Thông: the launcher of the program and the one name adapter authors import.

In the wheel the five folders ``hub adapters contracts ledger monitoring`` lie sealed in ``lienthong_app/`` and are
put *last* on ``sys.path``; when something else on the machine already owns one of those names, importing stops with
an error instead of mixing two programs. In the repository they are plain imports.
"""

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

_PACKAGES: Final = ("hub", "adapters", "contracts", "ledger", "monitoring")


def _unseal() -> None:
    sealed = Path(__file__).resolve().parent.parent / "lienthong_app"
    if not sealed.is_dir():
        return
    if str(sealed) not in sys.path:
        sys.path.append(str(sealed))
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None or sealed not in Path(spec.origin).parents:
            where = spec.origin if spec else "nowhere"
            raise ImportError(
                f"lienthong needs its own package {name!r}, but {where} shadows it; use an environment of its own"
            )


_unseal()

from contracts import dates, facts, strict_json  # noqa: E402  # only after the sealed folder is on the path
from contracts.delivery import Outcome, Rendering, Reply, Request, Standing, Unrenderable  # noqa: E402
from contracts.envelope import Envelope  # noqa: E402
from contracts.errors import FieldError, MessageRefused, TargetUnavailable, field_error  # noqa: E402
from contracts.moment import Moment  # noqa: E402
from contracts.picture import Due, Picture  # noqa: E402
from contracts.ports import Adapter, Address, Profile, Pulled, Remote, Source, Transport  # noqa: E402
from contracts.reading import Note, ParkedRecord, Reading, Record, RefusedRecord  # noqa: E402

__all__ = [
    "Adapter",
    "AdapterConformance",
    "Address",
    "Due",
    "Envelope",
    "FieldError",
    "MessageRefused",
    "Moment",
    "Note",
    "Outcome",
    "ParkedRecord",
    "Picture",
    "Profile",
    "Pulled",
    "Reading",
    "Record",
    "RefusedRecord",
    "Remote",
    "Rendering",
    "Reply",
    "Request",
    "Source",
    "Standing",
    "TargetUnavailable",
    "Transport",
    "Unrenderable",
    "dates",
    "facts",
    "field_error",
    "main",
    "strict_json",
]

if TYPE_CHECKING:
    from adapters.kit import AdapterConformance


def __getattr__(name: str) -> Any:
    """Give out the conformance suite when it is asked for: the program itself never loads it."""
    if name == "AdapterConformance":
        from adapters.kit import AdapterConformance  # noqa: PLC0415  # only where tests ask

        return AdapterConformance
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def main() -> None:
    """Run the command line."""
    from hub.cli import run  # noqa: PLC0415  # the face must import without the program

    run()
