"""Servers that are not ours: as anyone might write them, with no knowledge of the lab."""
