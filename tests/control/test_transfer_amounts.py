"""What happens to guests near the amount of transfer of their plans, and past it: once a month, and taken back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from teig.control import adopting, guests, observing, operations, plans, transfer_amounts, transfers
from teig.control.services import Services
from teig.fleet.simulated import SimulatedHost
from teig.model.errors import HostFault, InvalidRequest
from teig.model.guest import GuestSpec
from teig.model.operation import OperationState
from teig.model.units import GIB
from teig.store import events, hosts
from teig.store import guests as stored_guests
from tests.simulated import stored, wait, wish

AMOUNTS = (Path(__file__).parent / "amounts.toml").read_text()
NOVEMBER, DECEMBER = 1795000000.0, 1798000000.0


@pytest.fixture
def november(services: Services, monkeypatch: pytest.MonkeyPatch) -> Services:
    """The server in November, with the plans of amounts.toml."""
    monkeypatch.setattr(transfers, "EVERY_S", 0.0)
    plans.apply(services, AMOUNTS)
    return at(services, NOVEMBER)


def at(services: Services, when: float) -> Services:
    return replace(services, now=lambda: when)


def make(services: Services, plan: str, name: str = "web") -> GuestSpec:
    wait(services, guests.create(services, wish(name, plan)))
    return next(guest.spec for guest in stored(services) if guest.name == name)


def transfer(services: Services, host: SimulatedHost, spec: GuestSpec, gib: float) -> None:
    """Let a guest send so much, see it, and look at amounts until nothing is left to be done."""
    host.transfer(spec.id, int(gib * GIB), 0)
    observing.observe(services, services.db.read(lambda connection: hosts.named(connection, "sim1")))
    look(services)


def look(services: Services) -> None:
    transfer_amounts.look(services)
    for operation in operations.listed(services, 10):
        wait(services, operation)


def rates(services: Services, host: SimulatedHost) -> tuple[int, int, bool]:
    """Return what a guest's files on its host say, which are those that the database has."""
    [guest] = stored(services)
    on_host = host.guests[guest.id].spec
    assert on_host is not None
    assert on_host == guest.spec
    return on_host.out_kbit, on_host.in_kbit, on_host.cut


def limits(services: Services) -> int:
    return sum(operation.kind == "guest_limit" for operation in operations.listed(services, 100))


def kinds(services: Services) -> list[str]:
    return [event.kind for event in reversed(services.db.read(lambda connection: events.newest(connection, 10)))]


@pytest.mark.parametrize(
    ("plan", "past"),
    [("counted", (50000, 5000, False)), ("slowed", (10000, 5000, False)), ("cut", (50000, 5000, True))],
)
def test_past_its_amount_a_guest_is_what_its_plan_says_until_the_month_ends(
    november: Services, host: SimulatedHost, plan: str, past: tuple[int, int, bool]
) -> None:
    spec = make(november, plan)
    whole = rates(november, host)
    assert whole == (50000, 5000, False)
    transfer(november, host, spec, 9.5)
    assert rates(november, host) == whole
    transfer(november, host, spec, 0.5)
    assert rates(november, host) == past
    transfer(november, host, spec, 1)
    assert limits(november) == (plan != "counted")
    enforced = host.guests[spec.id].enforced
    assert enforced is not None
    assert (enforced.out_kbit, enforced.in_kbit, enforced.cut) == past
    december = at(november, DECEMBER)
    look(december)
    assert rates(december, host) == whole
    transfer(december, host, spec, 5)
    assert rates(december, host) == whole
    assert limits(december) == 2 * (plan != "counted")


def test_events_are_written_once_a_month_and_mark(november: Services, host: SimulatedHost) -> None:
    spec = make(november, "counted")
    transfer(november, host, spec, 7.9)
    assert kinds(november) == []
    transfer(november, host, spec, 0.2)
    look(replace(november))
    assert kinds(november) == ["transfer_80"]
    transfer(november, host, spec, 5)
    look(november)
    assert kinds(november) == ["transfer_80", "transfer_100"]
    december = at(november, DECEMBER)
    transfer(december, host, spec, 20)
    assert kinds(december) == ["transfer_80", "transfer_100"] * 2
    shown = guests.transfer(december, guests.view(december, "web"))
    assert [event.kind for event in shown["events"]] == ["transfer_80", "transfer_100"]
    assert shown["transfer_amount"].amount_bytes == 10 * GIB
    assert "10 GiB" in shown["events"][1].text
    assert "2026-12" in shown["events"][1].text
    wait(december, guests.delete(december, "web", force=True))
    assert len(kinds(december)) == 4, "they stay"
    look(december)


def test_another_plan_frees_a_guest_and_its_own_amount_counts_from_then(
    november: Services, host: SimulatedHost
) -> None:
    spec = make(november, "cut")
    transfer(november, host, spec, 11)
    assert rates(november, host) == (50000, 5000, True)
    wait(november, guests.resize(november, "web", "tiny"))
    look(november)
    assert rates(november, host) == (50000, 50000, False)
    wait(november, guests.resize(november, "web", "slowed"))
    look(november)
    assert rates(november, host) == (10000, 5000, False)


def test_a_resize_that_fails_leaves_a_guest_the_amount_that_it_had(november: Services, host: SimulatedHost) -> None:
    spec = make(november, "cut")
    transfer(november, host, spec, 11)
    host.failures["guest_define"] = HostFault("no")
    done = wait(november, guests.resize(november, "web", "tiny"))
    assert done.state is not OperationState.DONE
    host.failures.clear()
    look(november)
    assert rates(november, host) == (50000, 5000, True)
    look(at(november, DECEMBER))
    assert rates(november, host) == (50000, 5000, False)


def test_what_did_not_come_about_is_tried_again_some_minutes_later(
    november: Services, host: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = make(november, "cut")
    host.failures["guest_enforce"] = HostFault("no")
    transfer(november, host, spec, 11)
    look(november)
    assert limits(november) == 1, "it is not tried again and again"
    assert not stored(november)[0].spec.cut, "what it is entitled to is what it was"
    host.failures.clear()
    monkeypatch.setattr(
        transfer_amounts, "AGAIN_S", -1e9
    )  # as if that had passed: operations end by another clock here
    look(november)
    assert rates(november, host) == (50000, 5000, True)
    assert stored(november)[0].attention is None


def test_a_guest_that_was_cut_off_and_is_adopted_can_be_freed(
    services: Services, november: Services, host: SimulatedHost
) -> None:
    spec = make(november, "cut")
    transfer(november, host, spec, 11)
    [lost] = stored(november)
    assert lost.spec.cut
    november.db.write(lambda connection: stored_guests.remove(connection, lost, None))
    found = adopting.adopt(services, "sim1")
    assert found.adopted == ("web",), found
    assert "teig guest mend web" in (stored(november)[0].attention or "")
    assert wait(november, guests.mend(november, "web")).state is OperationState.DONE
    assert rates(november, host) == (50000, 5000, False)
    assert stored(november)[0].attention is None


def test_a_guest_that_somebody_works_on_is_held_afterwards(november: Services, host: SimulatedHost) -> None:
    spec = make(november, "cut")
    host.verb_s["guest_reboot"] = 1.0
    reboot = guests.reboot(november, "web", 0)
    transfer(november, host, spec, 11)
    wait(november, reboot)
    look(november)
    assert rates(november, host) == (50000, 5000, True)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('past_transfer = "cut"', "without transfer_gib"),
        ("transfer_gib = 0", "transfer_gib must be from 1"),
        ('transfer_gib = 5\npast_transfer = "slow"', "past_mbit"),
        ("transfer_gib = 5\npast_mbit = 5", "past_mbit"),
        ('transfer_gib = 5\npast_transfer = "stop"', "none of nothing, slow, cut"),
        ('transfer_gib = "5"', "transfer_gib must be a number"),
        ('transfer_gib = 5\npast_transfer = "slow"\npast_mbit = 0.01', "past_mbit must be from 0.1"),
    ],
)
def test_plans_that_cannot_be_are_refused(line: str, said: str) -> None:
    plain = AMOUNTS[: AMOUNTS.index("transfer_gib")]
    assert plans.parse(plain)["counted"].transfer_bytes == 0
    with pytest.raises(InvalidRequest, match=said):
        plans.parse(plain + line)
