"""Servers of third parties, certified: one folder each, played by ``make recipes``.

A folder holds what a user with that server would have: a profile, pinned packages, and the server where there is none
to take as it is. ``recipe.toml`` says what it is, what it says of itself, and what was seen so far. ``observed`` holds
what was seen when it was last played for keeps; docs/results.md is made from that and nothing else.
"""
