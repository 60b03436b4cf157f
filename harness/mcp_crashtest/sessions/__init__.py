"""Sessions: what pytest has to know of scenarios: options, selection, and how a session's events come together."""
