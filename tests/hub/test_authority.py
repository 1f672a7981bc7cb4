"""Who owns what: the origin its submission, the holder the status, platforms their own."""

import pytest

from contracts.facts import FACT_TYPES
from hub.authority import DOMAINS, Authority
from hub.parties import Party, directory
from hub.picture import DossierState
from tests.hub.little_hub import EVERYONE, MINISTRY, OTHER_PROVINCE, PAYMENT, PORTAL, PROVINCE


def tenure(*, origin: str = "", holder: str = "", left: str = "", held_by_agency: str = "") -> DossierState:
    state = DossierState()
    state.origin, state.submitted, state.holder = origin, bool(origin), holder
    state.left, state.held_by_agency = left, held_by_agency
    return state


authority = Authority(EVERYONE)


def test_every_kind_of_fact_has_an_owner() -> None:
    assert set(DOMAINS) == set(FACT_TYPES)


def test_whoever_hands_a_dossier_in_first_owns_its_submission() -> None:
    assert authority.ground(PORTAL, "submission", tenure()) == ""
    assert authority.ground(PORTAL, "submission", tenure(origin="cong")) == ""
    assert authority.ground(PORTAL, "submission", tenure(origin="tinh-mau")) is None


def test_the_holder_may_fill_what_the_origin_left_open() -> None:
    held = tenure(origin="cong", holder="tinh-mau")

    assert authority.ground(PROVINCE, "submission", held) == "gap"
    assert authority.ground(MINISTRY, "submission", held) is None


def test_the_first_party_that_works_on_a_dossier_holds_it() -> None:
    assert authority.ground(PROVINCE, "status", tenure(origin="cong")) == ""
    assert authority.ground(MINISTRY, "status", tenure(origin="cong", holder="tinh-mau")) is None


def test_a_portal_never_becomes_the_owner_of_a_status() -> None:
    assert authority.ground(PORTAL, "status", tenure(origin="cong")) is None
    assert authority.ground(PORTAL, "status", tenure()) is None


def test_the_agency_in_the_code_decides_who_may_begin() -> None:
    assert authority.ground(OTHER_PROVINCE, "status", tenure(origin="cong"), "H99.1") is None
    assert authority.ground(PROVINCE, "status", tenure(origin="cong"), "H99.1") == ""


def test_a_ministry_that_handed_in_under_its_own_code_does_not_keep_the_province_from_working() -> None:
    assert authority.ground(PROVINCE, "status", tenure(origin="bo-mau"), "G99.12") == ""


def test_after_a_transfer_only_the_agency_it_went_to_may_speak() -> None:
    moved = tenure(origin="cong", left="tinh-mau", held_by_agency="H98.7")

    assert authority.ground(OTHER_PROVINCE, "status", moved) == ""
    assert authority.ground(PROVINCE, "status", moved) is None
    assert authority.ground(MINISTRY, "status", moved) is None


def test_the_applicant_acts_through_the_origin_or_the_holder() -> None:
    held = tenure(origin="cong", holder="tinh-mau")

    assert authority.ground(PORTAL, "applicant", held) == ""
    assert authority.ground(PROVINCE, "applicant", held) == ""
    assert authority.ground(MINISTRY, "applicant", held) is None


def test_payment_belongs_to_its_platform_once_there_is_one() -> None:
    held = tenure(origin="cong", holder="tinh-mau")

    assert authority.ground(PAYMENT, "payment", held) == "owner"
    assert authority.ground(PROVINCE, "payment", held) is None
    assert authority.ground(PROVINCE, "satisfaction", held) == ""


def test_a_configured_owner_speaks_beside_the_holder() -> None:
    national = Party(id="quoc-gia", adapter="plain", national=True, owns=("status", "submission"))
    configured = Authority((*EVERYONE, national))

    assert configured.ground(national, "status", tenure(origin="cong", holder="tinh-mau")) == "owner"
    assert configured.ground(national, "submission", tenure(origin="cong", holder="tinh-mau")) == "owner"


@pytest.mark.parametrize(("agency", "party"), [("H99.12.3", "tinh-mau"), ("H99", "tinh-mau"), ("H9", ""), ("", "")])
def test_an_agency_belongs_to_the_party_of_the_nearest_agency_above_it(agency: str, party: str) -> None:
    assert authority.party_of(agency) == party


def test_the_directory_keeps_the_configured_order() -> None:
    assert list(directory(EVERYONE)) == [party.id for party in EVERYONE] == list(authority.names)
