"""The stage: what one run has, whoever is on trial: a server with its lives, a client, and a record of everything."""
