"""Which adapters there are: the built-in table, and those that other distributions bring.

Nothing is imported before it is asked for by name, so a command that needs no adapter loads none.
"""

import difflib
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from contracts.errors import Misconfigured
from contracts.ports import Adapter

GROUP: Final = "lienthong.adapters"
SIMULATOR_GROUP: Final = "lienthong.simulators"
BUILT_IN: Final[Mapping[str, str]] = {
    "civil_status": "adapters.civil_status",
    "opencps": "adapters.opencps",
    "portal": "adapters.portal",
}
"""Name → package; each package has ``ADAPTER`` and a module ``simulator`` with ``Simulator``."""

_MEMBERS: Final = (
    *("name", "edition", "types", "batch_limit", "mapping_hash", "recognise", "read", "project", "carries_rows"),
    *("write", "remote", "source"),
)


def names() -> tuple[str, ...]:
    """Every adapter by name, sorted. A built-in name can not be taken over by another distribution."""
    return tuple(sorted({*BUILT_IN, *_installed(GROUP)}))


def get(name: str) -> Adapter:
    """The adapter of this name.

    Raises:
        Misconfigured: ``config.invalid`` with the nearest name when there is none, or with the reason when another
            distribution's adapter can not be loaded or lacks a member of the port.
    """
    if name in BUILT_IN:
        adapter: Adapter = import_module(BUILT_IN[name]).ADAPTER
        return adapter
    found = _installed(GROUP).get(name)
    if found is None:
        raise _unknown(name, names())
    return _checked(name, _load(found))


class _Simulators(Mapping[str, Callable[..., Any]]):
    """Simulators of remote parties by adapter name, imported when asked for."""

    def __getitem__(self, name: str) -> Callable[..., Any]:
        if name in BUILT_IN:
            simulator: Callable[..., Any] = import_module(f"{BUILT_IN[name]}.simulator").Simulator
            return simulator
        found = _installed(SIMULATOR_GROUP).get(name)
        if found is None:
            raise _unknown(name, tuple(self))
        loaded: Callable[..., Any] = _load(found)
        return loaded

    def __contains__(self, name: object) -> bool:
        return name in BUILT_IN or name in _installed(SIMULATOR_GROUP)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*BUILT_IN, *_installed(SIMULATOR_GROUP)}))

    def __len__(self) -> int:
        return len({*BUILT_IN, *_installed(SIMULATOR_GROUP)})


def simulators() -> Mapping[str, Callable[..., Any]]:
    """The simulator class of each adapter that has one; an unknown name is Misconfigured with the nearest name."""
    return _Simulators()


def _installed(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=group)}


def _load(point: EntryPoint) -> Any:
    try:
        return point.load()
    except Exception as error:
        raise Misconfigured("config.invalid", f"{point.value}: {error}", name=f"adapter {point.name}") from error


def _checked(name: str, adapter: Any) -> Adapter:
    missing = [member for member in _MEMBERS if not hasattr(adapter, member)]
    if missing:
        raise Misconfigured("config.invalid", f"it has no {', '.join(missing)}", name=f"adapter {name}")
    found: Adapter = adapter
    return found


def _unknown(name: str, known: tuple[str, ...]) -> Misconfigured:
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    return Misconfigured("config.invalid", f"there is no {name!r}; did you mean {nearest[0]!r}?", name="adapter")
