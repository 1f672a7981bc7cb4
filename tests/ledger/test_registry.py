from base64 import b64encode

import msgspec
import pytest

from ledger.events import Event, KeyAdded, KeyRetired, KeyRevoked, PartyChanged
from ledger.keys import FileSigner
from ledger.note import vkey_of
from ledger.registry import KeyEvent, KeyRegistry, fold_keys, said, statement

ORIGIN = "mau.example/log"
FIRST, SECOND, THIRD = (FileSigner(ORIGIN, bytes([number]) * 32) for number in (1, 2, 3))
FIRST_ADDED = KeyAdded(vkey=vkey_of(FIRST), purpose="log", added_at=10)


def signed(event: KeyEvent, by: FileSigner, *, origin: str = ORIGIN) -> KeyEvent:
    action, number = said(event)
    text = statement(action, origin, event.purpose, event.vkey, number)
    changed = {"by": vkey_of(by), "signature": b64encode(by.sign(text.encode())).decode()}
    return msgspec.structs.replace(event, **changed)


def added(key: FileSigner, by: FileSigner, *, purpose: str = "log", at: int = 20) -> KeyEvent:
    return signed(KeyAdded(vkey=vkey_of(key), purpose=purpose, added_at=at), by)


def retired(key: FileSigner, by: FileSigner, *, last_size: int = 0) -> KeyEvent:
    return signed(KeyRetired(vkey=vkey_of(key), purpose="log", retired_at=30, last_size=last_size), by)


def revoked(key: FileSigner, by: FileSigner, *, since: int = 25) -> KeyEvent:
    return signed(KeyRevoked(vkey=vkey_of(key), purpose="log", since=since, reason="compromised", revoked_at=40), by)


def folded(*events: tuple[int, Event]) -> KeyRegistry:
    return fold_keys(ORIGIN, events)


def test_the_first_key_of_a_log_needs_nobodys_word() -> None:
    found = folded((1, FIRST_ADDED))
    assert found.signers(1) == (vkey_of(FIRST),)
    assert found.findings == []


def test_a_first_key_that_is_not_the_first_leaf_is_not_believed() -> None:
    found = folded((2, FIRST_ADDED))
    assert found.signers(9) == ()
    assert [one.code for one in found.findings] == ["KEY_AUTHORITY"]


def test_a_key_added_by_the_old_one_signs_from_its_leaf_on_until_the_old_one_ends() -> None:
    found = folded((1, FIRST_ADDED), (5, added(SECOND, FIRST)), (9, retired(FIRST, SECOND, last_size=8)))
    assert found.signers(4) == (vkey_of(FIRST),)
    assert found.signers(5) == found.signers(8) == (vkey_of(FIRST), vkey_of(SECOND))
    assert found.signers(9) == (vkey_of(SECOND),)
    assert found.judge(vkey_of(FIRST), 9) == "KEY_RETIRED"
    assert found.judge(vkey_of(FIRST), 8) == ""
    assert found.judge(vkey_of(SECOND), 4) == "KEY_AUTHORITY"


def test_without_a_last_size_a_retired_key_signs_nothing_from_its_leaf_on() -> None:
    found = folded((1, FIRST_ADDED), (5, added(SECOND, FIRST)), (9, retired(FIRST, SECOND)))
    assert found.signers(8) == (vkey_of(FIRST), vkey_of(SECOND))
    assert found.signers(9) == (vkey_of(SECOND),)


def test_a_revoked_key_is_believed_only_for_what_somebody_outside_saw_before() -> None:
    found = folded((1, FIRST_ADDED), (5, added(SECOND, FIRST)), (9, revoked(FIRST, SECOND, since=25)))
    assert found.judge(vkey_of(FIRST), 4, known_at=24) == ""
    assert found.judge(vkey_of(FIRST), 4, known_at=25) == "KEY_REVOKED"
    assert found.judge(vkey_of(FIRST), 4) == "KEY_REVOKED"
    assert found.signers(9) == (vkey_of(SECOND),)


def test_retiring_or_revoking_again_never_gives_anything_back() -> None:
    found = folded(
        (1, FIRST_ADDED),
        (5, added(SECOND, FIRST)),
        (6, retired(FIRST, SECOND, last_size=5)),
        (7, retired(FIRST, SECOND, last_size=900)),
        (8, revoked(FIRST, SECOND, since=20)),
        (9, revoked(FIRST, SECOND, since=99)),
        (10, added(FIRST, SECOND)),
    )
    state = found.find(vkey_of(FIRST))
    assert state is not None
    assert (state.last_size, state.revoked_since, state.revoked_position) == (5, 20, 8)
    assert [(one.position, one.code) for one in found.findings] == [(10, "KEY_AUTHORITY")]


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (KeyAdded(vkey=vkey_of(SECOND), purpose="log", added_at=20), "KEY_AUTHORITY"),
        (added(SECOND, THIRD), "KEY_AUTHORITY"),
        (added(SECOND, SECOND), "KEY_AUTHORITY"),
        (added(FileSigner("other.example/log", b"\x05" * 32), FIRST), "KEY_AUTHORITY"),
        (signed(KeyAdded(vkey=vkey_of(SECOND), purpose="log", added_at=20), FIRST, origin="x"), "KEY_AUTHORITY"),
        (added(SECOND, FIRST, purpose="root"), "KEY_AUTHORITY"),
        (signed(KeyAdded(vkey="a\nb", purpose="log", added_at=20), FIRST), "KEY_AUTHORITY"),
        (retired(SECOND, FIRST), "KEY_AUTHORITY"),
        (revoked(THIRD, FIRST), "KEY_AUTHORITY"),
        (added(FIRST, FIRST), "KEY_AUTHORITY"),
    ],
)
def test_what_no_authorised_key_signed_changes_nothing(event: KeyEvent, code: str) -> None:
    found = folded((1, FIRST_ADDED), (5, event))
    assert [(one.position, one.code) for one in found.findings] == [(5, code)]
    assert found.signers(9) == (vkey_of(FIRST),)


def test_a_retired_or_revoked_key_speaks_about_no_key_any_more() -> None:
    two = ((1, FIRST_ADDED), (2, added(SECOND, FIRST)))
    late = folded(*two, (3, retired(FIRST, FIRST)), (4, added(THIRD, FIRST)))
    assert [(one.position, one.code) for one in late.findings] == [(4, "KEY_RETIRED")]
    gone = folded(*two, (3, revoked(FIRST, FIRST)), (4, added(THIRD, FIRST)))
    assert [(one.position, one.code) for one in gone.findings] == [(4, "KEY_REVOKED")]
    assert gone.signers(9) == (vkey_of(SECOND),)


def test_a_key_of_another_purpose_authorises_nothing_and_signs_no_checkpoint() -> None:
    found = folded((1, FIRST_ADDED), (2, added(SECOND, FIRST, purpose="heads")), (3, added(THIRD, SECOND)))
    assert [one.code for one in found.findings] == ["KEY_AUTHORITY"]
    assert found.signers(3) == (vkey_of(FIRST),)
    assert found.judge(vkey_of(SECOND), 3) == "KEY_AUTHORITY"


def test_events_about_other_things_are_passed_over() -> None:
    found = folded((1, FIRST_ADDED), (2, PartyChanged(party="mau", change="removed", changed_at=1)))
    assert found.findings == []
    assert len(found.keys) == 1
