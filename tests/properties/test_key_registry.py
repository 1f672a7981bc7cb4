"""Any sequence of key events folds, and authority never comes from nowhere."""

from base64 import b64encode
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from ledger.events import KeyAdded, KeyRetired, KeyRevoked
from ledger.keys import FileSigner
from ledger.note import vkey_of
from ledger.registry import PURPOSES, KeyEvent, fold_keys, statement

ORIGIN = "mau.example/log"
SIGNERS = tuple(FileSigner(ORIGIN, bytes([number]) * 32) for number in range(1, 6))
VKEYS = tuple(vkey_of(signer) for signer in SIGNERS)
NUMBERS = st.integers(min_value=-1, max_value=30)


@st.composite
def key_events(draw: st.DrawFn) -> KeyEvent:
    """A key event that is often, but not always, what a rightful hub would write."""
    vkey = draw(st.sampled_from(VKEYS) | st.text(max_size=8))
    purpose = draw(st.sampled_from(("log", "log", "log", *PURPOSES)) | st.text(max_size=4))
    by = draw(st.sampled_from((*SIGNERS, None)))
    number = draw(NUMBERS)
    action = draw(st.sampled_from(("add", "retire", "revoke")))
    word = statement(action, ORIGIN, purpose, vkey, number)
    proof = b64encode(by.sign(word.encode())).decode() if by else ""
    signature = draw(st.sampled_from((proof, proof, proof, "", "AAAA", "?")))
    said_by = draw(st.sampled_from((vkey_of(by),) * 5 + (VKEYS[0], "x"))) if by else ""
    if action == "add":
        return KeyAdded(vkey=vkey, purpose=purpose, added_at=number, by=said_by, signature=signature)
    if action == "retire":
        return KeyRetired(vkey=vkey, purpose=purpose, retired_at=1, last_size=number, by=said_by, signature=signature)
    return KeyRevoked(
        vkey=vkey, purpose=purpose, since=number, reason="lost", revoked_at=1, by=said_by, signature=signature
    )


FIRST = KeyAdded(vkey=VKEYS[0], purpose="log", added_at=1)
LOGS = st.lists(key_events(), max_size=14)


def allowed(vkey: str, adds: dict[str, tuple[int, KeyAdded]]) -> bool:
    """Whether a chain of signatures leads from a key to the first leaf, told apart from the fold."""
    position, event = adds[vkey]
    if not event.by:
        return position == 1
    return event.by in adds and adds[event.by][0] < position and allowed(event.by, adds)


@given(events=LOGS, begins_well=st.booleans())
def test_any_sequence_of_key_events_folds_and_every_key_has_its_chain_of_authority(
    *, events: Sequence[KeyEvent], begins_well: bool
) -> None:
    log = list(enumerate([FIRST, *events] if begins_well else events, 1))
    found = fold_keys(ORIGIN, log)
    by_position = dict(log)
    adds: dict[str, tuple[int, KeyAdded]] = {}
    for state in found.keys:
        event = by_position[state.position]
        assert isinstance(event, KeyAdded)
        adds[state.vkey] = (state.position, event)
    for state in found.keys:
        assert allowed(state.vkey, adds)
    refused = {one.position for one in found.findings}
    for size in range(len(log) + 1):
        for vkey in found.signers(size):
            assert adds[vkey][0] <= size
            assert adds[vkey][0] not in refused
            assert found.judge(vkey, size, known_at=-2) == ""


@given(LOGS, st.data())
def test_what_comes_later_never_makes_a_key_signer_of_an_earlier_tree(
    events: Sequence[KeyEvent], data: st.DataObject
) -> None:
    log = list(enumerate([FIRST, *events], 1))
    cut = data.draw(st.integers(min_value=1, max_value=len(log)))
    before, after = fold_keys(ORIGIN, log[:cut]), fold_keys(ORIGIN, log)
    for size in range(cut + 1):
        assert set(after.signers(size)) <= set(before.signers(size))
