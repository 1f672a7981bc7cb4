"""Simulated parties on their ports: addresses, credentials, what they hold, and what they keep for another day."""

import pytest
from aiohttp import ClientSession

from adapters.sandbox.stage import PROFILES, Stage
from contracts.errors import Misconfigured

NAMES = ("portal", "opencps", "civil_status")
RECORD = {"MaHoSo": "000.00.00.H99-260105-0001", "MaTTHC": "1.004873", "TrangThaiHoSo": "2"}


async def push(session: ClientSession, url: str, login: tuple[str, str]) -> None:
    """Tell the simulated portal of one dossier."""
    credentials = {"username": login[0], "password": login[1]}
    async with session.post(f"{url}/mapi/login", json=credentials) as answer:
        logged_in = (await answer.json())["session"]
    packet = {"session": logged_in, "service": "DongBoHoSoMC", "isUpdating": "False", "data": [RECORD]}
    async with session.post(f"{url}/mapi/g", json=packet) as answer:
        assert (await answer.json())["error_code"] == "0"


@pytest.mark.parametrize("profile", PROFILES)
async def test_every_party_is_served_in_every_temper(profile: str) -> None:
    stage = Stage(NAMES, profile=profile, seed=7)
    addresses = await stage.open({})
    assert list(addresses) == list(NAMES)
    assert len(set(addresses.values())) == 3
    assert all(all(login) for login in stage.credentials().values())
    assert stage.holdings() == {name: {} for name in NAMES}
    await stage.close()


def test_a_temper_nobody_knows_is_told() -> None:
    with pytest.raises(Misconfigured):
        Stage(NAMES, profile="vui", seed=7)


async def test_what_was_kept_is_held_again_by_another_stage() -> None:
    first = Stage(NAMES, profile="calm", seed=7)
    addresses = await first.open({})
    first.simulators["civil_status"].enqueue(3)
    async with ClientSession() as session:
        await push(session, addresses["portal"], first.credentials()["portal"])
    await first.close()
    second = Stage(NAMES, profile="calm", seed=7)
    second.recall(first.kept())
    assert second.holdings() == first.holdings()
    assert list(second.holdings()["portal"]) == [RECORD["MaHoSo"]]
    assert second.simulators["civil_status"].waiting() == first.simulators["civil_status"].waiting()
