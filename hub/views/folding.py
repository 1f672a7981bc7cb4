"""How codes are compared in a search: without marks, case or punctuation, and đ as d."""

from unicodedata import category, normalize


def folded(text: str) -> str:
    """Letters and digits only, in lower case, without marks: ``Đ-57/ĐKKS-2026`` → ``d57dkks2026``."""
    if text.isascii():
        return "".join([mark for mark in text.lower() if mark.isalnum()])
    plain = normalize("NFD", text.lower()).replace("đ", "d")
    return "".join([mark for mark in plain if category(mark)[0] in "LN"])
