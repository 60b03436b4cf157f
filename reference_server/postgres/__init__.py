"""A store in PostgreSQL: for any number of servers, on as many hosts, which have nothing else in common.

* A server's life is known by a lease, judged by the database's clock, and by its session, whose end PostgreSQL sees at
  once where a process was killed (``presence``).
* Whoever claims a task holds its row, and passes over one that somebody else holds (``SKIP LOCKED``).
* A connection that is lost in the middle of a COMMIT leaves its answer unknown: then the store is asked where the task
  stands, and never assumed to have done it or not.
* Of several hosts the one that was promoted last is the store, and nobody is told what no standby has, where the
  database waits for one.
* What stands still inside a transaction is ended by PostgreSQL, and holds nobody up for longer than a lease.
"""
