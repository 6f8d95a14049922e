"""A small coverage-guided fuzzer: mutates inputs, and keeps those that reach lines that no other has reached.

One function, `fuzz`, takes a callable and seeds. Coverage is the pairs of lines that follow each other in the
modules that are watched (as AFL's edges), seen with `sys.settrace`; the run is bounded by iterations and the
same for the same random generator.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType, ModuleType
from typing import Any

TOKENS = (
    b"\x00",
    b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x00",
    b"\xff\xff",
    b"\x7f",
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\",
    b",",
    b":",
    b"NaN",
    b"-Infinity",
    b"null",
    b"true",
    b"1e999",
    b"-1",
    b"\\ud800",
    b"\xc3\x28",
    b"\r\n",
    b'"":',
    b"[[[[",
    b"PK\x03\x04",
    b"PK\x01\x02",
    b"PK\x05\x06",
    b"99999999999999999999",
)
Edge = tuple[int, int, int]


@dataclass(frozen=True)
class Crash:
    """An input at which the target raised."""

    data: bytes
    error: Exception


@dataclass
class Findings:
    """What a run found."""

    crashes: list[Crash] = field(default_factory=list)
    corpus: list[bytes] = field(default_factory=list)
    """The seeds and every input that reached something new."""
    edges: set[Edge] = field(default_factory=set)


def fuzz(
    target: Callable[[bytes], object],
    seeds: Sequence[bytes],
    *,
    rng: random.Random,
    iterations: int,
    watched: Sequence[ModuleType],
    max_bytes: int = 1 << 20,
    stop_at: int = 1,
) -> Findings:
    """Run the target on mutated inputs.

    Args:
        target: Given the bytes; whatever it raises is a crash.
        seeds: Inputs to begin with, each run as it is first.
        rng: Source of all choices.
        iterations: Mutated inputs to run.
        watched: Modules whose lines are coverage.
        max_bytes: Of an input.
        stop_at: Crashes after which it ends.
    """
    found = Findings()
    names = frozenset(str(module.__file__) for module in watched)
    for seed in seeds:
        _run(target, seed, names, found)
        if seed not in found.corpus:
            found.corpus.append(seed)
    for _ in range(iterations):
        if len(found.crashes) >= stop_at:
            break
        _run(target, mutated(rng, found.corpus)[:max_bytes], names, found)
    return found


def _run(target: Callable[[bytes], object], data: bytes, names: frozenset[str], found: Findings) -> None:
    edges: set[Edge] = set()
    try:
        with _tracing(names, edges):
            target(data)
    except Exception as error:  # every exception is what is looked for
        found.crashes.append(Crash(data, error))
    if edges - found.edges:
        found.edges |= edges
        found.corpus.append(data)


@contextmanager
def _tracing(names: frozenset[str], edges: set[Edge]) -> Iterator[None]:
    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename not in names:
            return None
        code, last = id(frame.f_code), 0

        def step(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal last
            if event == "line":
                edges.add((code, last, frame.f_lineno))
                last = frame.f_lineno
            return step

        return step

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)


def mutated(rng: random.Random, corpus: Sequence[bytes]) -> bytes:
    """Return one of the inputs after one to eight changes."""
    data = bytearray(rng.choice(corpus))
    for _ in range(1 << rng.randrange(4)):
        rng.choice(_CHANGES)(rng, data, corpus)
    return bytes(data)


def _at(rng: random.Random, data: bytearray) -> int:
    return rng.randrange(len(data) + 1)


def _flip(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _set(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.randrange(256)


def _cut(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    del data[_at(rng, data) :]


def _remove(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    start = _at(rng, data)
    del data[start : start + rng.randrange(1, 65)]


def _repeat(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    start = _at(rng, data)
    data[start:start] = data[start : start + rng.randrange(1, 257)]


def _token(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    start, token = _at(rng, data), rng.choice(TOKENS)
    data[start : start + rng.choice((0, len(token)))] = token


def _splice(rng: random.Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    other = rng.choice(corpus)
    start, end = sorted((rng.randrange(len(other) + 1), rng.randrange(len(other) + 1)))
    at = _at(rng, data)
    data[at:at] = other[start:end]


_CHANGES = (_flip, _set, _cut, _remove, _repeat, _token, _token, _splice)
