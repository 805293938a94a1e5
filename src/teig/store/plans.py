"""Plans that an administrator has applied, as rows."""

from __future__ import annotations

import sqlalchemy as sa

from teig.model.plan import Plan
from teig.record import dump, recall
from teig.store.schema import plans


def listed(connection: sa.Connection) -> dict[str, Plan]:
    """Return the applied plans by name."""
    return {row.name: recall(Plan, row.record) for row in connection.execute(plans.select())}


def put(connection: sa.Connection, wanted: list[Plan]) -> None:
    """Store plans, each in the place of an applied one of its name."""
    for plan in wanted:
        connection.execute(plans.delete().where(plans.c.name == plan.name))
        connection.execute(plans.insert().values(name=plan.name, record=dump(plan)))
