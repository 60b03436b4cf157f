"""Checkers: pure functions from a history to findings, one file a family.

A checker reads nothing but the history. It must have a violating history that it rejects and a mutant that it
catches; both stand in tests/.
"""
