"""Credentials and sessions: what opens, what does not, and what is kept."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.moment import MICROS_PER_SECOND
from hub.api.access import Access, Kind, issue, read_grants, session_key, write_grants
from hub.world_seeded import MemoryFiles, SeededEntropy, SteppedClock

ENTROPY = SeededEntropy(1)
START = 1_770_000_000 * MICROS_PER_SECOND


def _access(kind: Kind, clock: SteppedClock | None = None) -> tuple[Access, str]:
    issued = issue(ENTROPY, party="tinh-mau", role="party", kind=kind, adapter="opencps", agencies=("H99",))
    return (
        Access(
            (issued.grant,),
            session_key=b"k" * 32,
            clock=clock or SteppedClock(START),
            entropy=ENTROPY,
            lifetime_s=3_600,
        ),
        issued.secret,
    )


def test_bearer_token_opens_for_its_party_only() -> None:
    """A token names its holder, with the agencies it may speak for."""
    access, secret = _access("bearer")

    principal = access.by_secret(secret, "bearer")

    assert principal is not None
    assert (principal.party, principal.role, principal.agencies) == ("tinh-mau", "party", ("H99",))


@pytest.mark.parametrize("other", ["mapi", "path"])
def test_a_secret_opens_only_the_door_it_was_issued_for(other: Kind) -> None:
    """A bearer token in a URL would be logged by every proxy: it does not work there."""
    access, secret = _access("bearer")

    assert access.by_secret(secret, other) is None


@given(st.text(max_size=60))
def test_guesses_open_nothing(guess: str) -> None:
    """Arbitrary text is not a credential, a session or a password."""
    access, _ = _access("mapi")

    assert access.by_secret(guess, "mapi") is None
    assert access.by_session(guess) is None
    assert access.login("tinh-mau", guess) is None


def test_session_lives_until_its_time_is_over() -> None:
    """A session opens until its lifetime ends, and not a moment longer."""
    clock = SteppedClock(START)
    access, secret = _access("mapi", clock)
    session = access.login("tinh-mau", secret)
    assert session is not None

    before = access.by_session(session)
    clock.advance(3_600 * MICROS_PER_SECOND)
    after = access.by_session(session)

    assert before is not None
    assert before.party == "tinh-mau"
    assert after is None


def test_session_survives_a_restart_and_ends_with_its_credential() -> None:
    """Another process with the same key accepts it; without the grant nobody does."""
    first, secret = _access("mapi")
    session = first.login("tinh-mau", secret)
    assert session is not None
    again = Access(first.grants, session_key=b"k" * 32, clock=SteppedClock(START), entropy=ENTROPY, lifetime_s=60)
    without = Access((), session_key=b"k" * 32, clock=SteppedClock(START), entropy=ENTROPY, lifetime_s=60)

    assert again.by_session(session) is not None
    assert without.by_session(session) is None


def test_a_changed_session_is_worth_nothing() -> None:
    """Each part of a session is covered by its signature."""
    access, secret = _access("mapi")
    session = access.login("tinh-mau", secret)
    assert session is not None

    for at in range(len(session)):
        forged = session[:at] + ("0" if session[at] != "0" else "1") + session[at + 1 :]
        assert access.by_session(forged) is None


def test_secrets_are_not_kept() -> None:
    """What lies on disk opens nothing."""
    files = MemoryFiles()
    issued = issue(ENTROPY, party="tinh-mau", role="party", kind="bearer")

    write_grants(files, (issued.grant,))

    assert issued.secret.encode() not in files.read("access.json")
    assert read_grants(files) == (issued.grant,)
    assert msgspec.json.decode(files.read("access.json"))[0]["party"] == "tinh-mau"


def test_without_a_file_nobody_may_enter() -> None:
    """Nothing is open by default."""
    assert read_grants(MemoryFiles()) == ()


def test_session_key_is_made_once() -> None:
    """The key of sessions outlives the process that made it."""
    files = MemoryFiles()

    assert session_key(files, ENTROPY) == session_key(files, SeededEntropy(2))
