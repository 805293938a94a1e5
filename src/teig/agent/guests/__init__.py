"""Guests: their life on this host, and the ways to their ports and consoles."""
