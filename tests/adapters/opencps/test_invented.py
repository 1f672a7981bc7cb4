"""Invented lives: reproducible, in order, full of diacritics, and nobody in them exists."""

import re
from collections import Counter
from itertools import pairwise
from typing import Any

import msgspec

from adapters.opencps.invented import Life, life_of
from contracts.identifiers import DossierCode


def sent(life: Life, service: str) -> list[dict[str, Any]]:
    return [msgspec.json.decode(body) for path, body in life.messages if path.endswith(service)]


LIVES = list(life_of(3, 500))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    assert list(life_of(3, 30)) == LIVES[:30]
    assert list(life_of(3, 20, first=10)) == LIVES[10:30]
    assert [life.messages for life in life_of(4, 30)] != [life.messages for life in LIVES[:30]]


def test_codes_have_the_national_form_and_are_unique() -> None:
    codes = [life.code for life in LIVES]
    assert len(set(codes)) == len(codes)
    assert codes[0] == "000.21.44.H99-260105-0001"
    assert codes[-1] == "000.21.44.H99-260106-0100"
    assert {DossierCode.parse(code).scope for code in codes} == {"national"}


def test_lives_end_in_different_ways_and_most_are_handed_over() -> None:
    ends = Counter(life.ends_in for life in LIVES)
    assert set(ends) >= {"handed_over", "finished", "refused", "withdrawn"}
    assert ends["handed_over"] > len(LIVES) / 2


def test_a_document_comes_first_and_times_only_move_on() -> None:
    for life in LIVES:
        assert life.messages[0][0].endswith("/opencps/Document/SyncDocument")
        times = [row["DateCreated"] for row in sent(life, "UpdateDocumentTraces")]
        assert times
        assert all(one < next_ for one, next_ in pairwise(times))


def test_without_words_only_status_speaks() -> None:
    life = next(life_of(3, 1, fine=False))
    assert "DossierStatus" not in life.messages[0][1].decode()
    assert len(life.messages) == len(LIVES[0].messages)


def test_files_are_inline_unless_not_wanted() -> None:
    assert b"Base64" in LIVES[0].messages[0][1]
    assert b"Base64" not in next(life_of(3, 1, inline=False)).messages[0][1]


def test_everybody_is_recognisably_invented() -> None:
    for life in LIVES[:100]:
        for record in sent(life, "/SyncDocument"):
            assert re.search(r"\bMẫu\b", record["CitizenName"])
            assert record["ApplicantsId"].startswith("099")
            assert record["Email"].endswith("@example.vn")
            assert re.search("[ăâđêôơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]", record["Compendium"])
