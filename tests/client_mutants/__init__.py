"""Clients that are flawed on purpose, and one that is not: the lab must catch each, by the right invariant."""
