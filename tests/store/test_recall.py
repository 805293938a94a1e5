"""What an earlier release let in stays readable, and can be got rid of, whatever this one would refuse."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from teig.control import guests, images, observing, plans, sites
from teig.control.services import Services
from teig.model.errors import InternalFault
from teig.model.operation import OperationState
from teig.model.site import Site
from teig.record import dump, recall
from teig.store import hosts, schema
from tests.simulated import SITE, wait, wish


def change(services: Services, table: sa.Table, column: str, **values: Any) -> None:
    """Change plain values in all rows of a table, as no release of today would write them."""

    def work(connection: sa.Connection) -> None:
        for row in connection.execute(sa.select(table)).mappings().all():
            key = next(iter(table.primary_key.columns))
            changed = {**row[column], **values}
            connection.execute(table.update().where(key == row[key.name]).values({column: changed}))

    services.db.write(work)


def test_rows_that_would_be_refused_today_are_listed_and_their_guests_deleted(services: Services) -> None:
    wait(services, guests.create(services, wish("web")))
    change(services, schema.sites, "record", operator="o" * 300)
    change(services, schema.images, "manifest", min_memory_mib=0)
    change(services, schema.guests, "spec", ssh_keys=["no key at all"], plan="Large")
    assert [site.operator for site in sites.listed(services)] == ["o" * 300]
    assert [stored.image.manifest.min_memory_mib for stored in images.listed(services)] == [0]
    [line] = guests.lines(services)
    assert line.plan == "Large"
    assert guests.view(services, "web").guest.spec.plan == "Large"
    observing.observe_all(services, services.db.read(hosts.listed))
    assert guests.lines(services)
    assert wait(services, guests.delete(services, "web", force=True)).state is OperationState.DONE


def test_plans_that_would_be_refused_today_are_listed(services: Services) -> None:
    [tiny] = [plan for plan in plans.listed(services) if plan.name == "tiny"]
    values = {"name": "huge", "record": {**dump(tiny), "name": "huge", "vcpus": 4096}}
    services.db.write(lambda connection: connection.execute(schema.plans.insert().values(values)))
    assert "huge" in {plan.name for plan in plans.listed(services)}


def test_what_is_no_such_noun_at_all_is_said() -> None:
    with pytest.raises(InternalFault, match="Site that cannot be read: name"):
        recall(Site, {**dump(SITE), "name": 3})
