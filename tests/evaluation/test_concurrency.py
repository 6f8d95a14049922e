from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.evaluation.concurrency import MAX_CONCURRENCY, AdaptiveLimit, Outcome


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def limit(maximum: int, initial: int | None = None) -> AdaptiveLimit:
    clock = Clock()
    return AdaptiveLimit(maximum, clock=clock, sleep=clock.sleep, initial=initial)


def use(slots: AdaptiveLimit, outcome: Outcome) -> None:
    async def once() -> None:
        slots.release(await slots.acquire(), outcome)

    asyncio.run(once())


@pytest.mark.parametrize("maximum", [0, -1, MAX_CONCURRENCY + 1])
def test_the_maximum_has_bounds(maximum: int) -> None:
    with pytest.raises(ValueError, match="between 1 and"):
        limit(maximum)


def test_the_largest_maximum_is_taken() -> None:
    assert limit(MAX_CONCURRENCY).limit == 16


def test_it_starts_at_the_maximum_or_sixteen() -> None:
    assert limit(4).limit == 4
    assert limit(100).limit == 16
    assert limit(100, initial=2).limit == 2


def test_success_grows_fast_until_the_first_overload_then_slowly() -> None:
    slots = limit(64, initial=8)
    for _ in range(8):
        use(slots, Outcome.SUCCESS)
    assert slots.limit == 16
    use(slots, Outcome.OVERLOAD)
    assert slots.limit == 8
    for _ in range(8):
        use(slots, Outcome.SUCCESS)
    assert slots.limit in {8, 9}
    use(slots, Outcome.SUCCESS)
    assert slots.limit == 9


def test_one_burst_of_overload_halves_once() -> None:
    async def burst() -> int:
        slots = limit(32, initial=16)
        taken = [await slots.acquire() for _ in range(16)]
        for one in taken:
            slots.release(one, Outcome.OVERLOAD)
        return slots.limit

    assert asyncio.run(burst()) == 8


def test_it_never_falls_below_one() -> None:
    slots = limit(4)
    for _ in range(10):
        use(slots, Outcome.OVERLOAD)
    assert slots.limit == 1


def test_neutral_changes_nothing() -> None:
    slots = limit(8, initial=4)
    use(slots, Outcome.NEUTRAL)
    assert slots.limit == 4


def test_a_pause_holds_everybody_until_it_is_over() -> None:
    async def paused() -> tuple[float, list[float]]:
        clock = Clock()
        slots = AdaptiveLimit(4, clock=clock, sleep=clock.sleep)
        slots.pause(7.0)
        slots.pause(3.0)
        await slots.acquire()
        return clock.now, clock.slept

    now, slept = asyncio.run(paused())
    assert (now, slept) == (7.0, [7.0])


def test_a_cancelled_waiter_gives_its_slot_to_the_next() -> None:
    async def cancelled() -> list[str]:
        slots = limit(1)
        got: list[str] = []

        async def take(name: str) -> None:
            await slots.acquire()
            got.append(name)

        first = await slots.acquire()
        waiting = asyncio.create_task(take("gone"))
        after = asyncio.create_task(take("after"))
        await asyncio.sleep(0)
        slots.release(first, Outcome.SUCCESS)
        waiting.cancel()
        await after
        assert slots.held == 1
        return got

    assert asyncio.run(cancelled()) == ["after"]


@given(st.lists(st.sampled_from(list(Outcome)), max_size=60), st.integers(1, 12))
def test_slots_held_never_pass_the_limit_they_were_taken_under(outcomes: list[Outcome], maximum: int) -> None:
    async def work() -> None:
        slots = limit(maximum)
        order: list[int] = []

        async def one(number: int, outcome: Outcome) -> None:
            taken = await slots.acquire()
            order.append(number)
            assert 1 <= slots.held <= maximum
            await asyncio.sleep(0)
            slots.release(taken, outcome)
            assert 1 <= slots.limit <= maximum

        await asyncio.gather(*(one(number, outcome) for number, outcome in enumerate(outcomes)))
        assert slots.held == 0
        assert sorted(order) == order, "first come, first served"

    asyncio.run(work())
