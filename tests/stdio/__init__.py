"""Servers on stdio, of nothing but Python: one that does it right, and flawed ones."""
