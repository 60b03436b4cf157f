"""A reference MCP server for long tasks that are exact under every crash: small enough to copy from.

One engine, one store. A job reads a batch from its source, processes it, and commits the batch's records together with
its checkpoint in one transaction; whatever is killed when, the next life goes on behind the last commit.
"""
