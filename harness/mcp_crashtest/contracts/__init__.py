"""Contracts: how each durability pattern is driven over MCP, one file a pattern, one row each in ``catalogue``.

What is here runs in the lab's client process, which is killed like any other; so it starts light and imports the
wire and pure values only.
"""
