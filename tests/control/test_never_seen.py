"""What is said and done where nobody has looked at a host yet: since a backup was restored, say."""

from __future__ import annotations

import pytest

from teig.control import hosts
from teig.control.services import Services
from teig.fleet.simulated import SimulatedHost
from teig.model.errors import Conflict
from teig.store import hosts as stored_hosts
from teig.store import observations


@pytest.fixture(autouse=True)
def _unseen(services: Services, host: SimulatedHost) -> None:
    """The host is enrolled, nothing of it was seen, and it does not answer."""
    [there] = services.db.read(stored_hosts.listed)
    services.db.write(lambda connection: observations.forget(connection, there.id))
    host.answers = False


def test_such_a_host_is_forgotten_only_by_force(services: Services, host: SimulatedHost) -> None:
    """Guests may run there that the backup does not know, with addresses that would be given to others."""
    hosts.view(services, "sim1")
    with pytest.raises(Conflict, match="Nobody knows what runs on host sim1: it was not observed yet") as caught:
        hosts.remove(services, "sim1")
    assert "teig host remove sim1 --force" in caught.value.todo
    host.answers = True
    hosts.view(services, "sim1")
    assert hosts.remove(services, "sim1") == ()


def test_its_agent_and_keeper_are_not_known_to_be_current(services: Services, host: SimulatedHost) -> None:
    """It may be that nothing of it can be seen because its agent is too old."""
    assert hosts.view(services, "sim1").outdated == ("agent", "keeper")
    host.answers = True
    assert hosts.view(services, "sim1").outdated == ()
