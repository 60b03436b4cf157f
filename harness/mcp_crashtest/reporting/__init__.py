"""Reports: what a session came to, for people and for scripts. Nothing here drives or judges."""
