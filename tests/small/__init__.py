"""A small server that does it right, for what is shown of the lab and not of a server: nothing waits for FastMCP."""
