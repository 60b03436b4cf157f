"""System calls of a server: counted, and stood still before, by one of two engines behind one interface.

Both engines are small C programs that are compiled on first use. ``preload`` counts in the program itself; ``watch``
has the kernel tell of each call, and reaches whatever a preload does not. Both write down in one control file what they
have counted, and stop the whole process group (SIGSTOP) before the call that they were told of.
"""
