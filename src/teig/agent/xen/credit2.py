"""Weights and caps under credit2, asked of libxenctrl itself.

Xen's Python bindings cannot read them (`sched_credit2_domain_get` raises "SystemError: Bad dict format" in 4.17), and
`xl sched-credit2` takes a process, which on a slow Dom0 is seconds for what the library does in microseconds.
Source: tools/include/xenctrl.h; xen/include/public/domctl.h, struct xen_domctl_scheduler_op, with a cap since 4.10.
"""

from __future__ import annotations

import ctypes
from typing import Any, Optional

_FIRST_WITH_CAP = (4, 10)


class _Sched(ctypes.Structure):
    _fields_ = (("weight", ctypes.c_uint16), ("cap", ctypes.c_uint16))


class Credit2:
    """libxenctrl of the running Xen's version."""

    def __init__(self, library: Any) -> None:
        self._library = library
        library.xc_interface_open.restype = ctypes.c_void_p
        library.xc_interface_open.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint]
        self._handle = library.xc_interface_open(None, None, 0)
        for call in (library.xc_sched_credit2_domain_get, library.xc_sched_credit2_domain_set):
            call.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.POINTER(_Sched)]

    @classmethod
    def of(cls, major: int, minor: int) -> Optional[Credit2]:
        """Return the library of a version, None where it cannot be used."""
        if (major, minor) < _FIRST_WITH_CAP:
            return None
        try:
            found = cls(ctypes.CDLL(f"libxenctrl.so.{major}.{minor}", use_errno=True))
        except (OSError, AttributeError):
            return None
        return found if found._handle else None

    def get(self, domid: int) -> Optional[tuple[int, int]]:
        """Return a domain's weight and cap, None where there is no such domain."""
        sched = _Sched()
        if self._library.xc_sched_credit2_domain_get(self._handle, domid, ctypes.byref(sched)) != 0:
            return None
        return sched.weight, sched.cap

    def set(self, domid: int, weight: int, cap: int) -> bool:
        """Set a domain's weight and cap; return whether Xen took them."""
        sched = _Sched(weight, cap)
        return bool(self._library.xc_sched_credit2_domain_set(self._handle, domid, ctypes.byref(sched)) == 0)
