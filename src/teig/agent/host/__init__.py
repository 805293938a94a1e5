"""The host itself: its facts, the agent's own files and services, starting programs."""
