"""The reference client: it can be killed at any moment and knows where it was."""
