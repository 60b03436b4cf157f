"""The pytest face of the lab: options, fixtures and markers."""
