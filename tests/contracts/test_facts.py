from typing import Any, get_args

import msgspec
import pytest

from contracts.facts import FACT_TYPES, VALUE_FIELDS, AnyFact, DossierReceived, DossierSubmitted, Fact, State, stated
from contracts.moment import Moment


def test_every_kind_of_fact_has_a_name_of_its_own_and_a_version() -> None:
    topics = [kind.TOPIC for kind in FACT_TYPES]

    assert all(topic.startswith("dossier.") for topic in topics)
    assert len(set(topics)) == len(topics)
    assert all(kind.VERSION >= 1 for kind in FACT_TYPES)
    assert set(get_args(AnyFact)) == set(FACT_TYPES)


def test_the_stored_tag_is_the_topic() -> None:
    assert [kind.__struct_config__.tag for kind in FACT_TYPES] == [kind.TOPIC for kind in FACT_TYPES]


def test_every_state_a_fact_leads_to_is_a_state() -> None:
    assert {kind.STATE for kind in FACT_TYPES} <= set(get_args(State))


@pytest.mark.parametrize("kind", FACT_TYPES, ids=lambda kind: kind.TOPIC)
def test_a_fact_comes_back_from_its_stored_bytes(kind: type[Fact]) -> None:
    required: dict[str, Any] = {"alias": "KS-1"} if kind.TOPIC == "dossier.alias-linked" else {}
    fact = kind(dossier="000.21.44.H99-260915-0042", at=Moment(us=1), **required)

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(fact), type=AnyFact) == fact
    assert msgspec.json.decode(msgspec.json.encode(fact), type=AnyFact) == fact


def test_only_what_is_stated_counts() -> None:
    fact = DossierSubmitted(dossier="x", applicant_name="Lò Thị Mẫu", email="")

    assert stated(fact) == {"applicant_name": "Lò Thị Mẫu", "email": ""}
    assert stated(DossierReceived(dossier="x")) == {}


def test_book_keeping_is_no_value() -> None:
    names = {name for fields in VALUE_FIELDS.values() for name in fields}

    assert not names & {"dossier", "at", "step", "alias", "silent"}
