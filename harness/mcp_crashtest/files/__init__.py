"""Files: the only place that knows where a session's evidence lies, and what is read from disk or written to it."""
