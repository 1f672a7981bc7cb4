"""Dossier codes as a record names them."""

from contracts.errors import FieldError, field_error
from contracts.identifiers import DossierCode


def scope_of(code: str, path: str) -> tuple[str, str, list[FieldError]]:
    """(``code_scope``, the agency named or "", the fault ``read.dossier_code`` at ``path`` if it is no code)."""
    try:
        parsed = DossierCode.parse(code)
    except ValueError:
        return "party", "", [field_error("read.dossier_code", path)]
    return parsed.scope, parsed.agency.normalised if parsed.agency is not None else "", []
