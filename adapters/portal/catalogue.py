"""The reads that senders make before they push: procedures, agencies, fields, one procedure, one dossier.

Complete on purpose: a known sender takes names from ``LayThuTuc`` into every record it sends, and stops altogether
when the reply has no ``LINHVUCTHUCHIEN[0]``.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from adapters.portal import write
from contracts.errors import MessageRefused, field_error
from contracts.identifiers import ProcedureCode
from contracts.ports import Gate, Principal, Profile

Row = Mapping[str, Any]
Params = Mapping[str, Any]
"""Parameters of a call by lower-case name: senders write ``mahoso``, ``maTTHC``, ``MaHoSo``."""

_PROCEDURE: Final[dict[str, Any]] = {
    "MATTHC": "",
    "TENTTHC": "",
    "MACOQUANCONGBO": "",
    "TRANGTHAI": "1",
    "TRINHTUTHUCHIEN": [],
    "LINHVUCTHUCHIEN": [],
    "CACHTHUCTHUCHIEN": [],
    "YEUCAU": "",
    "DOITUONGTHUCHIEN": [],
    "KETQUATHUCHIEN": [],
    "CANCUPHAPLY": [],
    "COQUANTHUCHIEN": [],
    "THANHPHANHOSO": [],
}
"""Every member of a ``LayThuTuc`` result, with what stands where the catalogue says nothing."""


class Catalogue:
    """The read services over a gate. An index of procedures is kept for as long as the catalogue stays the same."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._indexed: Sequence[Row] = ()
        self._by_code: dict[str, Row] = {}
        self.services: Final[dict[str, Callable[[Principal, Params], Awaitable[list[Row]]]]] = {
            "TraCuuHoSo": self.dossier,
            "LayThuTuc": self.procedure,
            "LayDanhSachTTHC": self.procedures,
            "LayDanhMucCoQuan": self.agencies,
            "LayDanhMucLinhVuc": self.fields,
        }

    async def dossier(self, principal: Principal, params: Params) -> list[Row]:
        """``TraCuuHoSo``: the dossier as it stands with its rows of progress, nothing where the caller has no part."""
        code = _param(params, "mahoso")
        picture = await self._gate.find_dossier(principal, code)
        if picture is None:
            return []
        profile = Profile()
        record = write.record_members(code, write.project(picture, profile), profile)
        record["DanhSachTienDo"] = [write.row_members(code, step) for step in picture.steps]
        return [record]

    async def procedure(self, principal: Principal, params: Params) -> list[Row]:
        """``LayThuTuc``: one procedure, complete; nothing where the catalogue lacks it."""
        del principal
        row = self._procedures().get(_bare(_param(params, "matthc")))
        if row is None:
            return []
        full = {name: row.get(name) or default for name, default in _PROCEDURE.items()}
        if not full["LINHVUCTHUCHIEN"]:
            full["LINHVUCTHUCHIEN"] = [{"MALINHVUC": row.get("MALINHVUC", ""), "TENLINHVUC": row.get("TENLINHVUC", "")}]
        return [full]

    async def procedures(self, principal: Principal, params: Params) -> list[Row]:
        """``LayDanhSachTTHC``: codes and names of all procedures."""
        del principal, params
        return [_pick(row, ("MATTHC", "TENTTHC")) for row in self._gate.catalogue("procedures")]

    async def agencies(self, principal: Principal, params: Params) -> list[Row]:
        """``LayDanhMucCoQuan``: codes, names and levels of agencies."""
        del principal, params
        return [_pick(row, ("MADONVI", "TENDONVI", "CAPDONVI")) for row in self._gate.catalogue("agencies")]

    async def fields(self, principal: Principal, params: Params) -> list[Row]:
        """``LayDanhMucLinhVuc``: the fields of work."""
        del principal, params
        return [_pick(row, ("MALINHVUC", "TENLINHVUC", "MANGANH")) for row in self._gate.catalogue("fields")]

    def _procedures(self) -> dict[str, Row]:
        rows = self._gate.catalogue("procedures")
        if rows is not self._indexed:
            self._indexed = rows
            self._by_code = {_bare(str(row.get("MATTHC", ""))): row for row in rows}
        return self._by_code


def _pick(row: Row, names: tuple[str, ...]) -> Row:
    return {name: row.get(name) or "" for name in names}


def _param(params: Params, name: str) -> str:
    value = params.get(name)
    text = str(value).strip() if isinstance(value, str | int) else ""
    if not text:
        raise MessageRefused("read.missing", errors=(field_error("read.missing", f"/{name}", name=name),), name=name)
    return text


def _bare(code: str) -> str:
    try:
        return ProcedureCode.parse(code).bare
    except ValueError:
        return code.strip()
