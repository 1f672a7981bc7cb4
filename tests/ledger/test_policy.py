"""Trust policies: read strictly, printed as read, and nobody counted twice."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import Misconfigured
from ledger.cosignature import Cosignature, WitnessKey
from ledger.note import VerifierKey
from ledger.policy import KnownLog, KnownWitness, parse, quorum_of


def key(number: int, name: str = "") -> WitnessKey:
    return WitnessKey(name or f"chung-kien-{number}.example", bytes([number]) * 32)


def log_key(number: int) -> VerifierKey:
    return VerifierKey("mau.example/log", bytes([number]) * 32)


X = [key(number) for number in (1, 2, 3)]
Y = [key(number) for number in (4, 5, 6)]
TWO_LEVELS = "".join(
    (
        f"# thanh tra và các sở\n\n\tlog {log_key(9).text()}\n",
        *(f"witness X{number} {one.text()} https://w{number}.example/\n" for number, one in enumerate(X, 1)),
        "  group X-witnesses 2 X1 X2 X3\n",
        *(f"witness Y{number} {one.text()}\n" for number, one in enumerate(Y, 1)),
        "group Y-witnesses any Y1 Y2 Y3\ngroup X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n",
    )
)


def cosigned(one: WitnessKey, at_s: int) -> Cosignature:
    return Cosignature(one, at_s, "")


def test_groups_of_groups_ask_for_their_members() -> None:
    policy = parse(TWO_LEVELS)
    assert policy.is_met([X[0], X[2], Y[1]])
    assert not policy.is_met([X[0], Y[1], Y[2]])
    assert not policy.is_met(X)
    assert policy.witnesses[0].url == "https://w1.example/"


def test_a_policy_is_read_back_as_it_is_printed() -> None:
    policy = parse(TWO_LEVELS)
    assert parse(policy.text()) == policy


def test_one_key_counts_once_even_under_two_names() -> None:
    """Finding QUORUM, both ways round: in the policy, and in what is counted."""
    with pytest.raises(Misconfigured, match="twice"):
        quorum_of([KnownWitness("a", key(1)), KnownWitness("b", key(1, "other.example"))], 2)
    policy = quorum_of([KnownWitness("a", key(1)), KnownWitness("b", key(2))], 2)
    assert not policy.is_met([key(1), key(1, "other.example")])


def test_no_witness_means_no_quorum_is_asked_for() -> None:
    policy = quorum_of([], 0, logs=[KnownLog(log_key(1))])
    assert policy.text() == f"log {log_key(1).text()}\nquorum none\n"
    assert policy.is_met([])


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "no quorum"),
        ("quorum none\nquorum none\n", "one quorum"),
        ("quorum a\n", "not defined"),
        (f"witness a {key(1).text()}\nwitness a {key(2).text()}\nquorum a\n", "taken"),
        (f"witness none {key(1).text()}\nquorum none\n", "taken"),
        (f"witness a {key(1).text()}\ngroup g 2 a\nquorum g\n", "2 of 1"),
        (f"witness a {key(1).text()}\ngroup g 0 a\nquorum g\n", "0 of 1"),
        (f"witness a {key(1).text()}\ngroup g 1 a\ngroup h 1 a\nquorum h\n", "member already"),
        (f"witness a {key(1).text()}\ngroup g 2 a a\nquorum g\n", "member already"),
        ("group g 1 none\nquorum g\n", "not defined"),
        ("group g any\nquorum g\n", "group line"),
        (f"log {log_key(1).text()}\nlog {VerifierKey('other', log_key(1).public_key).text()}\nquorum none\n", "twice"),
        (f"log {key(1).text()}\nquorum none\n", "Ed25519"),
        (f"witness a {log_key(1).text()}\nquorum a\n", "0x04"),
        ("quorum none\r\n", "control"),
        ("require 2\nquorum none\n", "none of log"),
    ],
)
def test_a_line_that_breaks_a_rule_is_named(text: str, rule: str) -> None:
    with pytest.raises(Misconfigured, match=rule) as caught:
        parse(text)
    assert caught.value.code == "config.invalid"


def test_the_time_of_a_quorum_is_the_oldest_it_needs() -> None:
    policy = quorum_of([KnownWitness(str(number), key(number)) for number in (1, 2, 3)], 2)
    assert policy.met_at([cosigned(key(1), 50), cosigned(key(2), 90), cosigned(key(3), 70)]) == 70
    assert policy.met_at([cosigned(key(1), 50)]) is None


@given(count=st.integers(1, 6), data=st.data(), times=st.lists(st.integers(0, 99), min_size=6, max_size=6))
def test_k_of_n_is_counted(count: int, data: st.DataObject, times: list[int]) -> None:
    needed = data.draw(st.integers(1, count))
    keys = [key(number) for number in range(1, count + 1)]
    seen = data.draw(st.lists(st.sampled_from(keys)))
    policy = quorum_of([KnownWitness(f"w{number}", one) for number, one in enumerate(keys)], needed)
    assert policy.is_met(seen) == (len({one.public_key for one in seen}) >= needed)
    newest = sorted(times[:count], reverse=True)
    signed = [cosigned(one, at) for one, at in zip(keys, times, strict=False)]
    assert policy.met_at(signed) == newest[needed - 1]


@given(st.text(alphabet="logwitnessgroupquorum none +\t\n#1a", max_size=80))
def test_any_text_is_a_policy_or_is_refused(text: str) -> None:
    with suppress(Misconfigured):
        policy = parse(text)
        assert parse(policy.text()) == policy
