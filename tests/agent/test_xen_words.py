"""What Xen and its tools say, and what the agent makes of it. The texts are those of Debian's Xen 4.17."""

from __future__ import annotations

from typing import Any

import pytest

from teig.agent.contract.spec import DiskRate, parse_spec
from teig.agent.guests.record import has_now, live, state_word
from teig.agent.guests.start_failures import not_started
from teig.agent.host.facts import autoballoon, dom0_maximum, guest_types
from teig.agent.host.process import Done
from teig.agent.keeper.control_groups import UNLIMITED
from teig.agent.xen.hypervisor import Domain, Share, parse_credit2
from tests.agent.given import GUEST, spec

CREDIT2 = """Cpupool Pool-0: sched=SCHED_CREDIT2 ratelimit_us=1000
Name                                ID Weight  Cap
Domain-0                             0   2048    0
web1                                 7    102   50
a 3 strange 4 name                   9    256    0
"""


def test_credit2() -> None:
    assert parse_credit2(CREDIT2) == {0: Share(2048, 0), 7: Share(102, 50), 9: Share(256, 0)}


def _domain(**changes: Any) -> Domain:
    domain = Domain(7, GUEST, 96 << 10, 97 << 10, 1, 5, dying=False, shutdown=False, shutdown_reason=255, paused=False)
    return domain._replace(**changes)


def test_an_undisturbed_guest_shows_its_plan() -> None:
    rate = DiskRate(500, 250, 16 << 20, 8 << 20)
    figures = {"memory_mib": 96, "maxmem_mib": 96, "vcpus": 1, "weight": 102, "cap": 0, "own_cores": 0}
    assert live(_domain(), Share(102, 0), rate, 0) == {**figures, **rate._asdict()}


@pytest.mark.parametrize("pages", [-1, 8, 64])
def test_a_few_pages_of_xen_s_own_are_no_other_memory(pages: int) -> None:
    assert live(_domain(mem_kib=(96 << 10) + 4 * pages), None, UNLIMITED, 0)["memory_mib"] == 96


def test_memory_that_was_taken_shows() -> None:
    assert live(_domain(mem_kib=80 << 10), None, UNLIMITED, 0)["memory_mib"] == 80
    assert live(_domain(maxmem_kib=65 << 10), None, UNLIMITED, 0)["maxmem_mib"] == 64


def test_what_nobody_wrote_down_is_told_as_it_is_and_not_while_xl_makes_it() -> None:
    stored = {**spec(), "memory_mib": 256, "vcpus": 4}
    whole = _domain(mem_kib=96 << 10, maxmem_kib=(96 << 10) + 1024, vcpus=2)
    assert has_now(whole, stored) == {**stored, "memory_mib": 96, "vcpus": 2}
    assert has_now(_domain(mem_kib=0, maxmem_kib=0, vcpus=1), stored) == stored


def test_states() -> None:
    assert state_word(None) == "stopped"
    assert state_word(_domain()) == "running"
    assert state_word(_domain(shutdown=True, shutdown_reason=3)) == "crashed"
    assert state_word(_domain(shutdown=True, shutdown_reason=1)) == "running"
    assert state_word(_domain(paused=True, cpu_time_ns=5)) == "paused"
    assert state_word(_domain(paused=True, cpu_time_ns=0)) == "running", "it is being made"
    assert state_word(_domain(paused=True, shutdown=True, shutdown_reason=3)) == "crashed"


@pytest.mark.parametrize(
    ("xl_conf", "command_line", "expected"),
    [
        ('autoballoon="off"', "", False),
        ("autoballoon=0", "", False),
        ('#autoballoon="off"', "", True),
        ("", "dom0_mem=1G,max:1G", False),
        ('autoballoon="on"', "dom0_mem=1G,max:1G", True),
    ],
)
def test_autoballoon(xl_conf: str, command_line: str, expected: bool) -> None:
    assert autoballoon(xl_conf, command_line) is expected


def test_a_bound_above_all_memory_is_none() -> None:
    assert dom0_maximum(512 << 10, 2047) == 512
    assert dom0_maximum((1 << 54) - 1, 2047) is None


def test_guest_types() -> None:
    assert guest_types("pv hvm hap shadow") == ["pv", "pvh"]
    assert guest_types("pv") == ["pv"]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (
            "libxl: error: libxl_dom.c:1000:x: xc_dom_boot_mem_init: can't allocate low memory for domain",
            "out_of_memory",
        ),
        ("xc_dom_kernel_file: unable to open '/x/vmlinuz': No such file or directory", "bad_kernel"),
        ("libxl: error: libxl_create.c:1720:x: Domain 5:unable to add disk devices", "disk_failed"),
        ("libxl: error: libxl_create.c:1838:x: Domain 5:unable to add vif devices", "network_failed"),
        ("libxl_aoutils.c:539:async_exec_timeout: killing execution of block add because of timeout", "dom0_too_slow"),
        (
            (
                "libxl_exec.c:117:x: /etc/xen/scripts/teig-block add [2496] exited with error status 1\n"
                "script: /dev/vg-kernel/a is a disk of domain 7."
            ),
            "disk_failed",
        ),
        (
            (
                "libxl_exec.c:117:x: /etc/xen/scripts/teig-vif-bridge online [9] exited with error status 1\n"
                "script: There is no bridge diskless."
            ),
            "network_failed",
        ),
        ("something new", "not_started"),
    ],
)
def test_why_a_guest_did_not_start(said: str, code: str) -> None:
    failure = not_started(parse_spec(spec()), Done(3, "", said), 12)
    assert (failure.kind, failure.code) == ("host_fault", code)
    assert "web1" in failure.message
    assert failure.todo
