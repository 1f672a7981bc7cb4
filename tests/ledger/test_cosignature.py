"""Cosignatures: exact bytes, known keys only, and one key counted once under whatever name."""

from base64 import b64decode, b64encode
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import IntegrityViolation
from ledger.cosignature import WitnessKey, cosign, find_cosignatures, parse_witness_key, split_note, with_lines
from ledger.keys import FileSigner
from ledger.note import key_id, sign

TEXT = "mau.example/log\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
AT = 1_767_573_000


def signer(name: str = "chung-kien.example/w1", seed: int = 1) -> FileSigner:
    return FileSigner(name, bytes([seed]) * 32)


def key_of(one: FileSigner) -> WitnessKey:
    return WitnessKey(one.name, one.public_key())


def test_a_line_is_the_key_id_the_time_and_a_signature_over_the_published_message() -> None:
    witness = signer()
    name, _, encoded = cosign(TEXT, witness, AT).removeprefix("\u2014 ").rstrip("\n").partition(" ")
    raw = b64decode(encoded)
    assert name == witness.name
    assert raw[:4] == key_of(witness).id
    assert int.from_bytes(raw[4:12], "big") == AT
    message = b"cosignature/v1\ntime 1767573000\n" + TEXT.encode()
    Ed25519PublicKey.from_public_bytes(witness.public_key()).verify(raw[12:], message)


def test_the_key_of_a_witness_is_never_taken_for_the_key_of_a_log() -> None:
    witness = signer()
    assert key_of(witness).id != key_id(witness.name, witness.public_key())
    with pytest.raises(ValueError, match="0x04"):
        parse_witness_key("w+00000000+" + b64encode(b"\x01" + witness.public_key()).decode())


def test_a_key_is_read_back_as_it_is_printed() -> None:
    key = key_of(signer())
    assert parse_witness_key(key.text()) == key


@pytest.mark.parametrize("text", ["", "a+b", "a+00000000+!!", "+00000000+BA==", "a b+c+d"])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"key|name|type"):
        parse_witness_key(text)


def test_lines_of_unknown_keys_are_ignored_and_known_ones_found() -> None:
    first, second = signer(), signer("khac.example/w2", 2)
    note = sign(TEXT, signer("mau.example/log", 9), b"\x00" * 4)
    signed = note + cosign(TEXT, first, AT) + cosign(TEXT, second, AT + 5)
    text, lines = split_note(signed)
    assert text == TEXT
    found = find_cosignatures(text, lines, [key_of(second)])
    assert [(one.key, one.at_s) for one in found] == [(key_of(second), AT + 5)]


def test_one_key_under_two_names_is_one_cosignature() -> None:
    """Finding QUORUM: a witness that calls itself two witnesses."""
    first, alias = signer(), signer("gia-danh.example/w2")
    lines = cosign(TEXT, first, AT) + cosign(TEXT, alias, AT + 1)
    found = find_cosignatures(TEXT, lines, [key_of(first), key_of(alias)])
    assert [one.at_s for one in found] == [AT + 1]


def test_a_line_copied_from_another_checkpoint_spoils_it() -> None:
    """Finding COSIGNATURE."""
    other = TEXT.replace("\n7\n", "\n8\n")
    with pytest.raises(IntegrityViolation) as caught:
        find_cosignatures(TEXT, cosign(other, signer(), AT), [key_of(signer())])
    assert caught.value.code == "testimony.invalid"


@given(at=st.integers(0, 75), bit=st.integers(0, 7))
def test_no_bit_of_a_cosignature_can_be_changed(at: int, bit: int) -> None:
    witness = signer()
    name, _, encoded = cosign(TEXT, witness, AT).rstrip("\n").removeprefix("\u2014 ").partition(" ")
    raw = bytearray(b64decode(encoded))
    raw[at] ^= 1 << bit
    line = f"\u2014 {name} {b64encode(bytes(raw)).decode()}\n"
    if at < 4:
        assert find_cosignatures(TEXT, line, [key_of(witness)]) == []
    else:
        with pytest.raises(IntegrityViolation):
            find_cosignatures(TEXT, line, [key_of(witness)])


@given(st.text(max_size=200))
def test_lines_of_any_text_end_in_a_clear_refusal_or_nothing(lines: str) -> None:
    with suppress(IntegrityViolation):
        assert find_cosignatures(TEXT, lines, [key_of(signer())]) == []


def test_adding_lines_twice_adds_them_once() -> None:
    note = sign(TEXT, signer("mau.example/log", 9), b"\x00" * 4)
    found = find_cosignatures(TEXT, cosign(TEXT, signer(), AT), [key_of(signer())])
    once = with_lines(note, found)
    assert with_lines(once, found) == once
    assert find_cosignatures(*split_note(once), [key_of(signer())]) == found
