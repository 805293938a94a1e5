"""The lab's host."""

from __future__ import annotations

from tests.fleet.conftest import module_stand, stand  # noqa: F401  (fixtures)
