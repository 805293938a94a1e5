"""xl's own library, where it is installed."""

from __future__ import annotations

import pytest

from tests.xen.xlutil import LIBRARY, XlUtil


@pytest.fixture(scope="session")
def xlutil() -> XlUtil:
    try:
        return XlUtil()
    except OSError:
        pytest.skip(f"{LIBRARY} is not installed")
