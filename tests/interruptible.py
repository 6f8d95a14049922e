"""The command line as a process of its own that Ctrl-C and the end of a terminal reach.

Jobs in the background of a shell ignore Ctrl-C (and with `nohup` the terminal's end), and so would what they
start. It is set right in the child
itself: a function between fork and exec would warn where JAX is loaded in the process of the tests.
"""

from __future__ import annotations

import sys

CONSILIENCE = (
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "signal.signal(signal.SIGHUP, signal.SIG_DFL); "
    "from consilience.cli import main; main()",
)
"""First words of a command; those of `consilience` follow."""
