"""The tools, by family. Each module has a provider of its own; ``reference_server.app`` puts them together."""
