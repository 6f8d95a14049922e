"""The fuzzer finds what plain chance does not, and the same for the same seed."""

from __future__ import annotations

import random
import sys

import pytest
from tests.fuzz.coverage_guided import fuzz, mutated

HERE = sys.modules[__name__]


def guarded(data: bytes) -> None:
    """Fails behind three doors; each is found only from behind the one before."""
    if data[:1] == b"{":
        if data[1:2] == b"[":
            if data[2:3] == b'"':
                raise ValueError("behind the third door")
            return
        return


def test_it_finds_a_fault_behind_several_conditions() -> None:
    found = fuzz(guarded, [b"aaaa"], rng=random.Random(1), iterations=60_000, watched=[HERE])
    assert found.crashes
    assert found.crashes[0].data[:3] == b'{["'
    assert isinstance(found.crashes[0].error, ValueError)


def test_inputs_that_reach_something_new_are_kept() -> None:
    found = fuzz(guarded, [b"aaaa", b"{aaa"], rng=random.Random(1), iterations=0, watched=[HERE])
    assert found.corpus == [b"aaaa", b"{aaa"]
    assert not fuzz(guarded, [b"aaaa"], rng=random.Random(1), iterations=0, watched=[pytest]).edges


def test_the_same_seed_gives_the_same_run() -> None:
    one, two = (
        fuzz(guarded, [b"aaaa"], rng=random.Random(7), iterations=2_000, watched=[HERE]).corpus for _ in "ab"
    )
    assert one == two


def test_the_trace_of_others_is_put_back() -> None:
    before = sys.gettrace()
    fuzz(guarded, [b'{["'], rng=random.Random(1), iterations=1, watched=[HERE])
    assert sys.gettrace() is before


@pytest.mark.parametrize("seed", range(20))
def test_mutations_change_and_never_fail(seed: int) -> None:
    rng = random.Random(seed)
    assert any(mutated(rng, [b"", b"PK\x03\x04abc"]) != b"PK\x03\x04abc" for _ in range(50))
