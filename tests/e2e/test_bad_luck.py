"""What happens to guests behind Teig's back, on a real Xen host: it is seen, it can be mended, and nothing is left."""

from __future__ import annotations

import re
import time

import pytest

from teig.control import drift, guests, operations
from teig.model.errors import HostFault
from teig.model.guest import GuestState
from teig.model.operation import Operation, OperationState
from teig.policy.drift import KEEPER_DEAD, VOLUME_MISSING
from tests.e2e.conftest import Stand, await_that
from tests.fleet.test_ssh_fleet import ANOTHER_PROTOCOL
from tests.lab.states import boot_id
from tests.simulated import wish

pytestmark = pytest.mark.lab
GROUP = "/sys/fs/cgroup/teig/{}"
SERVING = "pgrep -c '^[0-9]+[.]xvda' | grep -v '^0$'; cat {}/disks-*/cgroup.procs | wc -l"
"""How many threads serve the one guest's disks, and how many are in its group."""
CUT_S = 60
"""How long the way to the host is cut: longer than its server waits for signs of life."""


def _id(stand: Stand, name: str) -> str:
    return guests.view(stand.services, name).guest.id


def _mended(stand: Stand) -> None:
    """Mend what differs; afterwards nothing may differ."""
    for operation in drift.mend(stand.services).operations:
        assert stand.finish(operation).state is OperationState.DONE
    assert await_that(stand.drift, lambda found: not found) == []


def _figures(stand: Stand) -> dict[str, int | None]:
    return {found.field: found.live for found in stand.drift() if found.field}


def test_what_is_changed_by_hand_is_found_and_mended(clean: Stand) -> None:
    assert clean.create("web").state is OperationState.DONE
    group = GROUP.format(_id(clean, "web"))
    await_that(clean.drift, lambda found: not found)
    # A guest connects its disks when its kernel boots; one that does so after the keeper's end is not held to anything.
    await_that(
        lambda: clean.host.run(SERVING.format(group)).split(), lambda found: len(found) == 2 and len({*found}) == 1
    )
    clean.host.run("systemctl stop teig-keeper")  # which would put it right before anybody looks

    clean.host.run("xl sched-credit2 -d web -w 1 && xl mem-max web 128")
    assert _figures(clean) == {"weight": 1, "maxmem_mib": 128}
    assert KEEPER_DEAD in {found.kind for found in clean.drift()}
    clean.host.run(f"sed 's/=[0-9]*/=max/g' {group}/io.max >{group}/io.max")
    assert {field: live for field, live in _figures(clean).items() if field.startswith(("read", "write"))} == {
        "read_iops": 0, "write_iops": 0, "read_bps": 0, "write_bps": 0,
    }  # fmt: skip
    _mended(clean)

    clean.host.run(f"systemctl stop teig-keeper; head -qn 1 {group}/disks-*/cgroup.procs >/sys/fs/cgroup/cgroup.procs")
    assert _figures(clean)["read_iops"] == 0
    _mended(clean)


def test_a_renamed_domain_is_the_same_guest(clean: Stand) -> None:
    assert clean.create("web").state is OperationState.DONE
    clean.host.run("xl rename web hers")
    assert guests.view(clean.services, "web").state is GuestState.RUNNING
    assert clean.finish(guests.stop(clean.services, "web", 30)).state is OperationState.DONE
    assert "hers" not in clean.host.run("xl list")


def test_a_volume_that_was_removed_by_hand_is_missed_and_its_guest_can_be_deleted(clean: Stand) -> None:
    assert clean.create("web").state is OperationState.DONE
    assert clean.finish(guests.stop(clean.services, "web", 0)).state is OperationState.DONE
    clean.host.run(f"lvremove --quiet --yes vg0/teig-{_id(clean, 'web')}-disk0")
    [found] = clean.drift()
    assert (found.kind, found.guest, found.fixable) == (VOLUME_MISSING, "web", False)
    failed = clean.finish(guests.start(clean.services, "web"))
    assert failed.error is not None
    assert failed.error["code"] == "no_volume"
    assert "xvda is not there" in failed.error["message"]
    assert clean.finish(guests.delete(clean.services, "web", force=False)).state is OperationState.DONE
    assert (clean.left_on_host(), clean.rows()) == ([], 0)


def test_an_agent_that_is_killed_while_it_starts_a_guest_leaves_one_guest(clean: Stand) -> None:
    assert clean.create("web").state is OperationState.DONE
    assert clean.finish(guests.stop(clean.services, "web", 0)).state is OperationState.DONE
    starting = f"/var/lib/teig/guests/{_id(clean, 'web')}/starting"
    broken = guests.start(clean.services, "web")
    clean.host.run(
        f"for try in $(seq 600); do [ ! -e {starting} ] || break; sleep 0.1; done; pkill -KILL -f 'agent.pyz serve'"
    )
    assert clean.finish(broken).state.ended
    again = clean.finish(guests.start(clean.services, "web"))
    assert again.state is OperationState.DONE, again.error
    assert len(re.findall(r"^web\s", clean.host.run("xl list"), re.MULTILINE)) == 1
    assert "No such file" in clean.host.run(f"ls {starting} 2>&1 || true")


def test_a_host_that_reboots_in_the_middle_of_a_create_keeps_nothing_half_made(clean: Stand) -> None:
    boot = boot_id(clean.host)
    assert boot
    made = guests.create(clean.services, wish("web"))
    await_that(lambda: clean.host.run("lvs --noheadings -o lv_name"), lambda found: "teig-" in found)
    clean.host.run("(sleep 1; reboot -ff) >/dev/null 2>&1 &")
    assert clean.finish(made).state.ended
    await_that(lambda: boot_id(clean.host), lambda found: found not in {"", boot})
    clean.delete_all()
    assert (clean.left_on_host(), clean.rows()) == ([], 0)


def test_ssh_that_is_cut_for_a_minute_in_the_middle_of_a_start_loses_nothing(clean: Stand) -> None:
    made = guests.create(clean.services, wish("web"))
    await_that(lambda: step_names(clean, made), lambda found: "start" in found)
    with clean.host.monitor() as monitor:
        monitor.human("set_link management off")
        time.sleep(CUT_S)
        monitor.human("set_link management on")
    ended = clean.finish(made)
    assert ended.state is OperationState.DONE, ended.error
    assert guests.drift(guests.view(clean.services, "web")) == []
    assert clean.host.run("xl list").count("web") == 1


def test_an_agent_of_another_version_is_refused_until_it_is_replaced(clean: Stand) -> None:
    agent = "/usr/local/lib/teig/agent.pyz"
    clean.host.run(
        f"mv {agent} {agent}.ours; cat >{agent}; pkill -f '[a]gent.pyz serve$'",
        stdin=ANOTHER_PROTOCOL.encode(),
    )
    try:
        drift.found(clean.services, now=True)
        with pytest.raises(HostFault, match="teig host upgrade") as caught:
            clean.create("web")
        assert caught.value.reason == "agent_version"
        assert clean.rows() == 0
    finally:
        clean.host.run(f"mv {agent}.ours {agent}")
    clean.observe()
    assert clean.create("web").state is OperationState.DONE


def step_names(stand: Stand, operation: Operation) -> set[str]:
    return {step.name for step in operations.by_id(stand.services, operation.id).steps}
