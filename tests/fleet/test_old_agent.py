"""A server of today and a host with an agent of an earlier release: they work together, but for what is new."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from teig.fleet import ssh_agents
from teig.fleet.agent_bundle import bundle
from teig.fleet.driver import Claim
from teig.fleet.ssh import SshHost
from teig.model.errors import Conflict, Fenced, HostFault, NotFound, OperatorError, TeigError
from teig.model.guest import Disk, GuestSpec
from teig.model.image import Image, Manifest
from teig.model.job import Job, JobState
from teig.model.names import GuestId, HostId, ImageId
from teig.policy import placement
from teig.policy.placement import PlacementDecision
from teig.record import load
from tests.agent.given import FILES, GUEST, IMAGE, manifest, spec
from tests.fleet import scripted
from tests.fleet.server import LocalHost, reached

OLD = Path(__file__).parent / "agents" / "agent-0.1.pyz"
CLAIM = Claim(GuestId(GUEST), 7)
DECISION = PlacementDecision(placement._SEAL, GuestId(GUEST), HostId("host-1"), "oslo")
SPEC = load(GuestSpec, spec())


@pytest.fixture
def old(tmp_path: Path) -> Iterator[tuple[LocalHost, SshHost]]:
    argv = [sys.executable, "-I", str(OLD), "serve", str(tmp_path / "state")]
    with reached(tmp_path, argv) as both:
        yield both


@pytest.fixture
def host(old: tuple[LocalHost, SshHost]) -> SshHost:
    return old[1]


def test_its_facts_lack_what_is_new(host: SshHost) -> None:
    facts = host.facts()
    assert facts.machine_id
    assert (facts.agent_version, facts.keeper_version, facts.capabilities) == ("", "", ())


def test_an_image_and_a_guest_s_files(host: SshHost, tmp_path: Path) -> None:
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    host.image_put(DECISION, Image(ImageId(IMAGE), load(Manifest, manifest())), tmp_path, lambda: None)
    assert host.image_present(ImageId(IMAGE))
    with pytest.raises(Conflict) as no_volume:
        host.guest_define(CLAIM, DECISION, SPEC)
    assert no_volume.value.reason == "no_volume", "the spec is one that it understands"
    with pytest.raises(Fenced):
        host.guest_define(Claim(CLAIM.guest, 6), DECISION, SPEC)


@pytest.mark.parametrize(
    "begin",
    [
        lambda host: host.volume_create(CLAIM, DECISION, Disk(0, 4 << 20), "vg0"),
        lambda host: host.volume_write_image(CLAIM, DECISION, Disk(0, 4 << 20), ImageId(IMAGE)),
        lambda host: host.volume_delete(CLAIM, 0),
        lambda host: host.guest_start(CLAIM),
        lambda host: host.guest_stop(CLAIM, 0),
        lambda host: host.guest_reboot(CLAIM, 0),
    ],
    ids=["create", "write", "delete", "start", "stop", "reboot"],
)
def test_a_job_has_ended_when_it_is_begun(host: SshHost, begin: Callable[[SshHost], Job]) -> None:
    """There is no Xen and no LVM here, so each of them fails; it must be the old agent's own reason."""
    job = begin(host)
    assert job.state is JobState.FAILED
    assert job.error
    assert job.error["kind"] in {"host_fault", "not_found"}, job.error
    assert host.job(CLAIM) == job
    assert host.job_cancel(CLAIM) == job


def test_a_fence_that_is_too_low_begins_nothing(host: SshHost) -> None:
    host.volume_delete(CLAIM, 0)
    with pytest.raises(Fenced):
        host.volume_delete(Claim(CLAIM.guest, 6), 0)


def test_of_a_job_that_nobody_began_nothing_is_known(host: SshHost) -> None:
    with pytest.raises(NotFound) as caught:
        host.job(CLAIM)
    assert caught.value.reason == "no_job"


def test_what_only_a_new_agent_can_do_is_refused(host: SshHost) -> None:
    with pytest.raises(HostFault) as caught:
        host._ask("job_show", {"guest": GUEST, "fence": 1})
    assert caught.value.reason == "agent_too_old"
    assert "teig host upgrade sv1" in caught.value.todo


def test_a_new_agent_is_noticed(old: tuple[LocalHost, SshHost], monkeypatch: pytest.MonkeyPatch) -> None:
    """An old one that waits for its next request does not see that its file was replaced."""
    there, host = old
    monkeypatch.setattr(ssh_agents, "OTHER_VERSION_S", 0.0)
    host.facts()
    there.argv[2] = str(there.state.parent / "agent.pyz")
    host.facts()
    assert host.link.version == bundle().version


def test_an_agent_sees_that_it_was_replaced(tmp_path: Path) -> None:
    """The next request goes to the new one, at once; a stream is no exception."""
    with reached(tmp_path) as (there, host):
        host.facts()
        (tmp_path / "new.pyz").write_bytes(bundle().data)
        (tmp_path / "new.pyz").replace(tmp_path / "agent.pyz")
        started = len(there._agents)
        host.facts()
        assert len(there._agents) == started + 1


def test_a_record_with_more_than_this_server_knows(tmp_path: Path) -> None:
    body = """
    return {"verb": "guest_start", "state": "done", "result": {"domid": 4}, "speed": 9}
"""
    with reached(tmp_path, scripted.agent(tmp_path, body, capabilities=("jobs",))) as (_, host):
        assert host.guest_start(CLAIM) == Job("guest_start", JobState.DONE, result={"domid": 4})


@pytest.mark.parametrize(
    "answer", ["{'state': 'running'}", "{'verb': 1, 'state': 'x'}", "{'ok': 7}", "{'error': 7}", "{'error': None}"]
)
def test_an_agent_that_tells_what_cannot_be(tmp_path: Path, answer: str) -> None:
    with reached(tmp_path, scripted.agent(tmp_path, f"    return {answer}", capabilities=("jobs",))) as (_, host):
        with pytest.raises(OperatorError) as caught:
            host.guest_start(CLAIM)
        assert caught.value.reason == "agent_version"
        assert "teig host upgrade sv1" in caught.value.todo


def test_errors_are_of_our_tree_whatever_the_agent_writes(tmp_path: Path) -> None:
    body = "    return {'error': {'kind': ['x'], 'code': {}, 'message': 5}}"
    with reached(tmp_path, scripted.agent(tmp_path, body)) as (_, host), pytest.raises(TeigError, match="5"):
        host.facts()


@pytest.mark.parametrize("text", ['{"x": NaN}', '{"x": 1e999}', '"\\ud800"', "[" * 100_000])
def test_values_that_nobody_could_keep(tmp_path: Path, text: str) -> None:
    body = f"""
    os.write(1, b'{{"id": %d, "ok": {{"present": ' % number + {text!r}.encode() + b"}}}}\\n")
    line()
"""
    with reached(tmp_path, scripted.agent(tmp_path, body)) as (_, host), pytest.raises(HostFault):
        host.image_present(ImageId(IMAGE))
