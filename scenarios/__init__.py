"""Scenarios: what a subject is put through, one file a story. They run with ``pytest scenarios/``."""
