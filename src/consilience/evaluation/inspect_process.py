"""Inspect in a process of its own: started, waited for, stopped.

`python -m consilience.evaluation.inspect_process WORDS` is that process; WORDS are those of `inspect`.
Invariants: this module imports nothing of Inspect until it is that process; the process ends with its
parent, however that ends; what it prints goes to a file of the run and is never repeated elsewhere.
"""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from consilience.errors import MissingExtraError
from consilience.evaluation.local_model import die_with_parent

INSTALL = "Install the extra: pip install 'consilience[inspect]'"
TELL_EVERY_S = 10.0
STOP_TIMEOUT_S = 30.0
"""After Ctrl-C: time for Inspect to write its log and to end its sandboxes."""


def check_installed() -> None:
    """Refuse where Inspect is not installed.

    Raises:
        MissingExtraError: With what to install.
    """
    if importlib.util.find_spec("inspect_ai") is None:
        raise MissingExtraError("tasks of Inspect need inspect_ai, which is not installed", next_step=INSTALL)


def call_inspect(
    words: Sequence[str],
    *,
    folder: Path,
    log: Path,
    environment: Mapping[str, str],
    tell: Callable[[float], None],
) -> int:
    """Call Inspect and wait for its end.

    Args:
        words: After `inspect`.
        folder: Where it runs; relative task files are looked for there.
        log: Gets what it prints.
        environment: Its variables; it finds its own keys there.
        tell: Told every ten seconds how many have passed.

    Returns:
        Its exit status; negative: the signal that ended it.
    """
    began = time.monotonic()
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", __name__, *words],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**environment, "NO_COLOR": "1"},
            start_new_session=True,  # Ctrl-C is for the run, which then stops this process
        )
    try:
        while True:
            try:
                return process.wait(timeout=TELL_EVERY_S)
            except subprocess.TimeoutExpired:
                tell(time.monotonic() - began)
    except BaseException:
        _stop(process)
        raise


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=STOP_TIMEOUT_S)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.kill()
        process.wait()


def main() -> None:
    """Be Inspect's command line, and end with the parent."""
    import runpy

    die_with_parent()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    sys.argv[0] = "inspect"
    runpy.run_module("inspect_ai", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
