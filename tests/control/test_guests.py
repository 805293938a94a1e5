"""What people ask of guests, on simulated hosts."""

from __future__ import annotations

import base64
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from teig.control import adopting, drift, guests, hosts, images, operations, placing, plans, sites
from teig.control.services import Services
from teig.fleet.simulated import SimulatedHost
from teig.model.errors import Busy, Conflict, InvalidRequest, NotFound, Refused, TeigError, Unreachable
from teig.model.guest import GuestState
from teig.model.operation import OperationState
from teig.model.site import Site
from teig.policy.admission import core_room
from teig.store import schema
from tests.simulated import HOST_KEY, TINY, candidate, put_image, stored, wait, wish

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBanSmUnbIRBuL8tCXTIuTTqB5Rzwxc3hu3mSYvqNMHX me@here"


def names(services: Services) -> list[str]:
    return [guest.name for guest in stored(services)]


def make(services: Services, name: str, **changes: Any) -> None:
    ended = wait(services, guests.create(services, wish(name, **changes)))
    assert ended.state is OperationState.DONE, ended.error


def test_a_created_guest_runs_and_is_what_its_plan_says(services: Services, host: SimulatedHost) -> None:
    make(services, "web")
    view = guests.view(services, "web")
    assert view.state is GuestState.RUNNING
    assert view.on_host is not None
    assert view.on_host.live == TINY
    assert guests.drift(view) == []
    assert view.guest.spec.nics[0].address == "10.77.16.0/16"
    assert host.images


def test_a_guest_that_reboots_runs(services: Services, host: SimulatedHost) -> None:
    """Between its two domains too, for `--wait`, lists and drift."""
    make(services, "web")
    host.gap_s = 3600.0
    host.reboot_inside(guests.view(services, "web").guest.id)
    view = guests.view(services, "web")
    assert (view.on_host.domid if view.on_host else 0, view.state, view.todo) == (None, GuestState.RUNNING, None)
    assert drift.found(services, now=True) == []
    assert [line.state for line in guests.lines(services)] == [GuestState.RUNNING]
    with pytest.raises(Conflict, match="is running"):
        guests.delete(services, "web", force=False)


def test_the_steps_are_recorded_with_their_times(services: Services) -> None:
    ended = wait(services, guests.create(services, wish("web")))
    assert [step.name for step in ended.steps] == ["reserve", "image", "volume", "write", "define", "start", "observe"]
    assert all(
        step.state == "done" and step.started and step.ended >= step.started for step in ended.steps if step.ended
    )
    assert ended.ended is not None


def test_a_guest_has_as_many_disks_and_network_cards_as_asked(services: Services) -> None:
    make(services, "web", disks=(8 << 20, 16 << 20), nics=2)
    spec = guests.view(services, "web").guest.spec
    assert [(disk.device, disk.size_bytes >> 20) for disk in spec.disks] == [("xvda", 256), ("xvdb", 8), ("xvdc", 16)]
    assert [nic.ip for nic in spec.nics] == ["10.77.16.0", "10.77.16.1"]
    assert len({nic.mac for nic in spec.nics}) == 2


def test_stop_start_reboot_delete(services: Services, host: SimulatedHost) -> None:
    make(services, "web")
    first = guests.view(services, "web").on_host
    assert wait(services, guests.reboot(services, "web", 1)).state is OperationState.DONE
    second = guests.view(services, "web").on_host
    assert first is not None
    assert second is not None
    assert first.domid != second.domid
    wait(services, guests.stop(services, "web", 1))
    assert guests.view(services, "web").state is GuestState.STOPPED
    wait(services, guests.start(services, "web"))
    assert guests.view(services, "web").state is GuestState.RUNNING
    wait(services, guests.delete(services, "web", force=True))
    assert names(services) == []
    assert host.inventory().guests == ()


def test_a_deleted_guests_address_is_given_again(services: Services) -> None:
    make(services, "web")
    wait(services, guests.delete(services, "web", force=True))
    make(services, "shop")
    assert guests.view(services, "shop").guest.spec.nics[0].ip == "10.77.16.0"


def test_a_running_guest_is_not_deleted_without_force(services: Services) -> None:
    make(services, "web")
    with pytest.raises(Conflict, match="is running") as caught:
        guests.delete(services, "web", force=False)
    assert caught.value.reason == "guest_running"
    wait(services, guests.stop(services, "web", 0))
    assert wait(services, guests.delete(services, "web", force=False)).state is OperationState.DONE


@pytest.mark.parametrize(
    ("changes", "kind", "code", "words"),
    [
        ({"name": "Web_1"}, InvalidRequest, "bad_name", "cannot be the name of a guest"),
        ({"name": "17"}, InvalidRequest, "bad_name", "bare number"),
        ({"name": "web", "plan": "huge"}, NotFound, "no_plan", "no plan named huge"),
        ({"name": "web", "site": "mars"}, NotFound, "no_site", "no site named mars"),
        ({"name": "web", "host": "sim9"}, NotFound, "no_host", "There is no host named sim9"),
        ({"name": "web", "nics": 9}, InvalidRequest, "invalid", "between 1 and 4 network cards"),
        ({"name": "web", "disks": (1,)}, InvalidRequest, "invalid", "multiple of 4 MiB"),
        ({"name": "web", "ssh_keys": (KEY,)}, InvalidRequest, "no_ssh", "no SSH server"),
        ({"name": "web", "plan": "large"}, Refused, "no_room", "sim1: memory: 16520 MiB wanted, 992 MiB free"),
        ({"name": "web", "disks": (2 << 40,)}, Refused, "no_room", "sim1: disk: 2097412 MiB wanted, 1048576 MiB free"),
    ],
)
def test_a_bad_wish_is_refused_in_one_sentence_and_leaves_nothing(
    services: Services, host: SimulatedHost, changes: dict[str, object], kind: type[TeigError], code: str, words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        guests.create(services, wish(**changes))  # type: ignore[arg-type]
    assert caught.value.reason == code
    assert names(services) == []
    assert host.inventory().guests == ()


def test_an_unknown_image_is_refused_and_the_known_ones_are_named(services: Services) -> None:
    images.remove(services, "micro")
    with pytest.raises(NotFound, match="no image named micro") as caught:
        guests.create(services, wish("web"))
    assert "none yet" in caught.value.todo


def test_a_key_that_is_none_is_refused(services: Services) -> None:
    put_image(services, "debian", ssh=True)
    bad = wish("web", ssh_keys=("ssh-ed25519 nonsense",))
    with pytest.raises(InvalidRequest, match="not an OpenSSH public key"):
        guests.create(services, type(bad)(**{**vars(bad), "image": "debian"}))


def test_all_keys_of_a_guest_together_have_a_bound(services: Services) -> None:
    """A host tells those of all its guests in one answer."""
    put_image(services, "debian", ssh=True)
    long = base64.b64encode(b"\0\0\0\x07ssh-rsa" + bytes(2048)).decode()
    bad = wish("web", ssh_keys=(f"ssh-rsa {long} me",) * 4)
    with pytest.raises(InvalidRequest, match="together may have 8 KiB"):
        guests.create(services, type(bad)(**{**vars(bad), "image": "debian"}))


def test_a_name_is_given_once(services: Services) -> None:
    make(services, "web")
    with pytest.raises(Conflict, match="a guest named web already") as caught:
        guests.create(services, wish("web"))
    assert caught.value.reason == "name_taken"


def test_addresses_run_out(services: Services) -> None:
    make(services, "web", nics=4)
    make(services, "shop", nics=4)
    with pytest.raises(Refused, match="10 addresses for guests and only 2 of them free; 3 are wanted"):
        guests.create(services, wish("mail", nics=3))


def test_cores_are_not_promised_twice(services: Services) -> None:
    for number in range(3):
        make(services, f"web{number}")
    assert core_room(candidate(services, "sim1")) == pytest.approx(2.7)


def test_an_unreachable_host_is_said_at_once(services: Services, host: SimulatedHost) -> None:
    host.answers = False
    drift.found(services, now=True)
    with pytest.raises(Unreachable, match="sim1 does not answer"):
        guests.create(services, wish("web"))


def test_a_guest_on_an_unreachable_host_is_unknown(services: Services, host: SimulatedHost) -> None:
    make(services, "web")
    host.answers = False
    view = guests.view(services, "web")
    assert (view.state, view.live) == (GuestState.RUNNING, False), "it was seen a moment ago, and that is said"
    object.__setattr__(services, "now", lambda: time.time() + 91)
    assert guests.view(services, "web").state is GuestState.UNKNOWN
    assert guests.lines(services)[0].state is GuestState.UNKNOWN


def test_a_guest_destroyed_behind_our_back_is_missing_and_can_be_started(
    services: Services, host: SimulatedHost
) -> None:
    make(services, "web")
    next(iter(host.guests.values())).domid = None
    assert guests.view(services, "web").state is GuestState.MISSING
    wait(services, guests.start(services, "web"))
    assert guests.view(services, "web").state is GuestState.RUNNING


def test_of_a_guest_that_somebody_started_behind_our_back_it_is_said_how_to_stop_it(
    services: Services, host: SimulatedHost
) -> None:
    make(services, "web")
    wait(services, guests.stop(services, "web", 0))
    host.start(host.guests[stored(services)[0].id])
    assert guests.view(services, "web").todo == "teig guest stop web"
    wait(services, guests.stop(services, "web", 0))
    assert guests.view(services, "web").todo is None


def test_one_operation_at_a_time_works_on_a_guest(services: Services, host: SimulatedHost) -> None:
    make(services, "web")
    host.job_s = 5
    first = guests.stop(services, "web", 0)
    with pytest.raises(Busy, match=f"being worked on by operation {first.id}"):
        guests.reboot(services, "web", 0)
    operations.cancel(services, first.id)
    assert wait(services, first).state is OperationState.CANCELLED


def test_what_differs_between_plan_host_and_hypervisor_is_drift(services: Services, host: SimulatedHost) -> None:
    make(services, "web")
    kept = next(iter(host.guests.values()))
    assert kept.spec is not None
    kept.spec = type(kept.spec)(**{**vars(kept.spec), "weight": 1})
    assert guests.drift(guests.view(services, "web")) == [{"field": "weight", "entitled": 102, "set": 1, "live": 1}]


def test_the_database_can_be_rebuilt_from_a_host(services: Services, host: SimulatedHost) -> None:
    make(services, "web", nics=2)
    make(services, "shop")
    wait(services, guests.stop(services, "shop", 0))
    before = {guest.name: guest for guest in stored(services)}
    services.db.write(
        lambda c: [c.execute(table.delete()) for table in (schema.reservations, schema.nics, schema.guests)]
    )
    adopted = adopting.adopt(services, "sim1")
    assert (sorted(adopted.adopted), adopted.known, adopted.problems) == (["shop", "web"], (), ())
    after = {guest.name: guest for guest in stored(services)}
    assert {name: (guest.spec, guest.phase) for name, guest in after.items()} == {
        name: (guest.spec, guest.phase) for name, guest in before.items()
    }
    assert sorted(adopting.adopt(services, "sim1").known) == ["shop", "web"]
    make(services, "mail")
    assert guests.view(services, "mail").guest.spec.nics[0].ip == "10.77.16.3"
    assert wait(services, guests.delete(services, "web", force=True)).state is OperationState.DONE


def test_the_only_site_with_hosts_needs_no_name_but_one_of_two_does(services: Services, host: SimulatedHost) -> None:
    sites.add(services, Site("oslo", "NO", "us", "10.78.0.0/16", "10.78.0.1", "10.78.16.0", "10.78.16.9"))
    wait(services, guests.create(services, wish("web")))
    services.fleet.hosts["sim2"] = SimulatedHost("sim2", memory_mib=2048)  # type: ignore[attr-defined]
    hosts.add(services, "sim2", "sim2", 22, HOST_KEY, "oslo")
    with pytest.raises(InvalidRequest, match="Which site"):
        guests.create(services, wish("shop"))
    wait(services, guests.create(services, wish("shop", host="sim1")))
    with pytest.raises(NotFound, match="no host named nowhere"):
        guests.create(services, wish("db", host="nowhere"))


def test_a_resize_is_admitted_and_reaches_the_host(services: Services, host: SimulatedHost) -> None:
    make(services, "web")
    plans.apply(services, (Path(__file__).parent / "plans.toml").read_text())
    assert wait(services, guests.resize(services, "web", "stout")).state is OperationState.DONE
    view = guests.view(services, "web")
    assert view.on_host is not None
    assert view.on_host.spec is not None
    assert view.on_host.spec.entitled.memory_mib == 256
    assert view.on_host.spec.share_cores == 0.5
    assert view.guest.spec.nics[0].ip == "10.77.16.0"


def test_a_larger_plan_s_disk_grows_at_the_next_start_and_no_disk_shrinks(
    services: Services, host: SimulatedHost
) -> None:
    make(services, "web")
    shipped = (files("teig") / "plans.toml").read_text()
    plans.apply(
        services, shipped.split("[small]")[0].replace("[tiny]", "[wide]").replace("disk_mib = 256", "disk_mib = 512")
    )
    assert wait(services, guests.resize(services, "web", "wide")).state is OperationState.DONE
    assert wait(services, guests.reboot(services, "web", 1)).state is OperationState.DONE
    guest = guests.view(services, "web").guest
    assert host.guests[guest.id].volumes[0].size_bytes == 512 << 20
    assert wait(services, guests.resize(services, "web", "tiny")).state is OperationState.DONE
    assert guests.view(services, "web").guest.spec.disks[0].size_bytes == 512 << 20


def test_a_plan_with_cores_of_its_own_promises_them_whole(services: Services) -> None:
    shipped = (files("teig") / "plans.toml").read_text().split("[small]")[0].replace("[tiny]", "[own]")
    with pytest.raises(InvalidRequest, match="share_cores must be the number of vcpus"):
        plans.apply(services, shipped + "own_cores = true\n")
    plans.apply(services, shipped.replace("share_cores = 0.1", "share_cores = 1.0") + "own_cores = true\n")
    make(services, "web", plan="own")
    assert guests.view(services, "web").guest.spec.entitled.own_cores == 1
    with pytest.raises(InvalidRequest, match="own_cores must be true or false"):
        plans.apply(services, shipped + "own_cores = 1\n")


def test_a_resize_without_room_is_refused_and_changes_nothing(services: Services) -> None:
    make(services, "web")
    plans.apply(services, (Path(__file__).parent / "plans.toml").read_text())
    with pytest.raises(Refused, match=r"sim1: memory: 4133 MiB wanted, 992 MiB free"):
        guests.resize(services, "web", "fat")
    assert guests.view(services, "web").guest.spec.plan == "tiny"
    assert guests.view(services, "web").guest.operation is None


def test_a_plan_that_changes_leaves_its_guests_what_they_were_promised(services: Services) -> None:
    make(services, "web")
    shipped = (files("teig") / "plans.toml").read_text()
    plans.apply(services, shipped.replace("memory_mib = 96", "memory_mib = 128"))
    assert guests.view(services, "web").guest.spec.memory_mib == 96
    make(services, "shop")
    assert guests.view(services, "shop").guest.spec.memory_mib == 128


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[tiny", "not TOML"),
        ("memory_mib = 1", "stands outside of any plan"),
        ("[a]\nmemory_mib = 96", "does not say addresses, ceiling_cores"),
        ("[Bad_Name]\n", "Bad_Name"),
    ],
)
def test_a_bad_file_of_plans_is_refused_whole(services: Services, text: str, words: str) -> None:
    before = plans.listed(services)
    good = (Path(__file__).parent / "plans.toml").read_text()
    with pytest.raises(InvalidRequest, match=words):
        plans.apply(services, f"{text}\n{good}" if text.startswith("memory") else f"{good}\n{text}")
    assert plans.listed(services) == before


def test_an_image_that_is_deleted_while_a_guest_is_promised_makes_none(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = placing.fitting

    def slow(*args: Any) -> Any:
        images.remove(services, "micro")
        return sound(*args)

    monkeypatch.setattr(placing, "fitting", slow)
    with pytest.raises(NotFound, match="image micro was deleted meanwhile"):
        guests.create(services, wish("web"))
    assert stored(services) == []


def test_an_image_of_which_a_guest_was_just_promised_is_not_deleted(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = services.db.write

    def slow(work: Any) -> Any:
        monkeypatch.setattr(services.db, "write", sound)
        make(services, "web")
        return sound(work)

    monkeypatch.setattr(services.db, "write", slow)
    with pytest.raises(Conflict, match="guest web boots from image micro"):
        images.remove(services, "micro")
    assert [image.image.manifest.name for image in images.listed(services)] == ["micro"]


def test_one_that_somebody_has_paused_says_how_it_goes_on(services: Services, host: SimulatedHost) -> None:
    make(services, "web")
    kept = host.guests[guests.view(services, "web").guest.id]
    kept.paused = True
    view = guests.view(services, "web")
    assert (view.state, view.todo) == (GuestState.PAUSED, "teig guest start web")
    found = [(one.text, one.fixable) for one in drift.found(services, now=True)]
    assert found == [("It should run, and somebody has paused it: teig guest start web", False)]
    kept.held = "It connects its disks anew too often."
    assert guests.view(services, "web").todo is None
    assert drift.found(services, now=True) == []
    kept.held = ""
    wait(services, guests.start(services, "web"))
    assert guests.view(services, "web").state is GuestState.RUNNING


@pytest.mark.parametrize(("verb", "deaf", "note"), [
    ("stop", True, "it did not shut down within 1 s, and was cut off"), ("stop", False, ""),
    ("reboot", True, "it did not shut down within 1 s, and was cut off"), ("reboot", False, ""),
])  # fmt: skip
def test_a_guest_that_was_cut_off_is_told_as_such(
    services: Services, host: SimulatedHost, verb: str, deaf: bool, note: str
) -> None:
    """What it had not written is lost: that is no shutdown."""
    make(services, "web")
    host.guests[guests.view(services, "web").guest.id].deaf = deaf
    begun = guests.stop(services, "web", 1) if verb == "stop" else guests.reboot(services, "web", 1)
    ended = wait(services, begun)
    assert (ended.state, [step.note for step in ended.steps]) == (OperationState.DONE, [note, ""])


def test_a_guest_whose_volume_has_gone_is_not_sent_round_in_circles(services: Services, host: SimulatedHost) -> None:
    make(services, "web")
    wait(services, guests.stop(services, "web", 0))
    kept = host.guests[guests.view(services, "web").guest.id]
    host.drop(kept, kept.volumes[0])
    told = "teig guest start web; if that tells of a volume that is gone: teig guest delete web"
    assert guests.view(services, "web").todo == told
