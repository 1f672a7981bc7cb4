"""The catalogues served to legacy senders: procedures, fields of work, agencies.

Procedures and fields belong to the operator: JSON arrays ``catalogues/procedures.json`` and ``catalogues/fields.json``
in the hub's directory, each row with the wire's own upper-case names (``MATTHC``, ``TENTTHC``, ``LINHVUCTHUCHIEN`` …).
Agencies come from the agency table that ships with the hub. A file that is there but wrong stops the start.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from contracts.codetables import load as load_table
from contracts.errors import Misconfigured
from contracts.ports import Files

_NAMES: Final = ("procedures", "fields")


def load(files: Files) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """All catalogues by name.

    Raises:
        Misconfigured: ``config.invalid`` for a file that is not a JSON array of objects.
    """
    return {name: _read(files, name) for name in _NAMES} | {"agencies": _agencies()}


def _read(files: Files, name: str) -> Sequence[Mapping[str, Any]]:
    path = f"catalogues/{name}.json"
    try:
        content = files.read(path)
    except FileNotFoundError:
        return ()
    try:
        rows: list[dict[str, Any]] = msgspec.json.decode(content, type=list[dict[str, Any]])
    except msgspec.DecodeError as error:
        raise Misconfigured("config.invalid", str(error), name=path) from error
    return rows


def _agencies() -> Sequence[Mapping[str, Any]]:
    return [
        {
            "MADONVI": f"000.00.00.{row['code']}",
            "TENDONVI": row["name_vi"],
            "CAPDONVI": "0" if row["code"][0] == "G" else "1",
        }
        for row in load_table("agencies").rows
    ]
