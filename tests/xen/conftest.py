"""xl's own library."""

from __future__ import annotations

import pytest

from tests.xen.xlutil import XlUtil, unpack


@pytest.fixture(scope="session")
def xlutil(tmp_path_factory: pytest.TempPathFactory) -> XlUtil:
    return XlUtil(unpack(tmp_path_factory.mktemp("xlutil")))
