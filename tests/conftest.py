"""For all tests: where Ctrl-C is ignored, as in a shell's background job, what we start would ignore it as well."""

from __future__ import annotations

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
