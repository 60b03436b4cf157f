"""Faults: one file a family. Each fault comes back with proof that it landed."""
