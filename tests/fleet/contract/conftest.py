"""Both kinds of hosts, which every test of the contract is run against."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from teig.model.errors import TeigError
from tests.fleet import conftest
from tests.fleet.contract.lab_stand import LabStand
from tests.fleet.contract.simulated_stand import SimulatedStand
from tests.fleet.contract.stand import Stand

Refused = Callable[[Callable[[], object]], str]


@pytest.fixture(scope="module")
def contract_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[conftest.Stand]:
    """One lab host for a file's tests of the contract."""
    with conftest.stand_of(tmp_path_factory.mktemp("lab")) as made:
        yield made


@pytest.fixture(params=["simulated", pytest.param("lab", marks=pytest.mark.lab)])
def stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    """A host that has no guests, before and after."""
    if request.param == "simulated":
        made: Stand = SimulatedStand()
    else:
        made = LabStand(request.getfixturevalue("contract_lab"))
    yield made
    made.remove_all()
    assert made.host.inventory().guests == ()
    assert [group.guests_bytes for group in made.host.facts().volume_groups] == [0]


@pytest.fixture
def refusal() -> Refused:
    """Return a function that calls something which must fail, and gives the error's code."""

    def call(work: Callable[[], object]) -> str:
        with pytest.raises(TeigError) as caught:
            work()
        return caught.value.reason

    return call
