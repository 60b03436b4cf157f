"""Values of the lab, pure: no clock, no randomness, no input or output, no asyncio."""
