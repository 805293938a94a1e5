"""Disks: volume groups, guests' volumes, images."""
