"""Servers that are flawed on purpose: the lab must catch each of them, by the invariant that ``zoo`` names."""
