"""A guest's phases: every verb in every phase, the way out of each, and the drawing of them in the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from teig.model.errors import Conflict
from teig.policy.guest_life import LIFE, Phase, Verb, check_may_begin, drawing, way_out

DOCS = Path(__file__).parents[2] / "docs" / "architecture.md"


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("verb", [verb for verb in Verb if verb is not Verb.CREATE])
def test_a_verb_begins_where_it_may_and_is_refused_elsewhere_with_the_way_out(verb: Verb, phase: Phase) -> None:
    half = phase in {Phase.CREATING, Phase.DELETING}
    if not half or verb is Verb.DELETE:
        check_may_begin(verb, "web", phase)
        return
    with pytest.raises(Conflict, match="teig guest delete web") as caught:
        check_may_begin(verb, "web", phase)
    assert caught.value.reason == phase.value


@pytest.mark.parametrize("phase", Phase)
def test_out_of_every_phase_that_needs_attention_a_verb_leads_that_may_begin_there(phase: Phase) -> None:
    way = way_out("web", phase, attention=True)
    assert way is not None
    verb = Verb(way.split()[2])
    check_may_begin(verb, "web", phase)
    assert LIFE[verb].clears or LIFE[verb].gone


def test_only_create_and_delete_leave_a_guest_half_deleted() -> None:
    assert {verb for verb, change in LIFE.items() if change.failed is Phase.DELETING} == {Verb.CREATE, Verb.DELETE}


def test_the_documentation_draws_what_the_code_does() -> None:
    assert drawing() in DOCS.read_text(encoding="utf-8")
