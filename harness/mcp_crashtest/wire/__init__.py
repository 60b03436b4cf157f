"""MCP on the wire, both protocol eras, over h11 and asyncio streams.

It shares no code with the subjects' SDKs, starts in milliseconds, and says of each failure how far an exchange had
come: that decides whether the lab may know that a request has taken effect.
"""
