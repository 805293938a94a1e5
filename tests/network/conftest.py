"""A lab host for what the kernel does with frames, and one with an agent."""

from __future__ import annotations

from tests.fleet.conftest import module_stand, stand  # noqa: F401  (fixtures)
from tests.lab.conftest import host_booted, lab_booted  # noqa: F401  (fixtures)
