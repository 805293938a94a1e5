"""Teig: hosting on Xen whose guests get exactly what their plan says, and the proof of it."""

__version__ = "0.1.0"
