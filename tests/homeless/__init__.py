"""A server that takes neither a port nor a folder of the lab's."""
