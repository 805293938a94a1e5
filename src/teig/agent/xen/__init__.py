"""Xen: domains, weights, cpupools, the back ends of devices, xl.cfg."""
