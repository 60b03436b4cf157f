"""A server that tells everybody the token that it was given."""
