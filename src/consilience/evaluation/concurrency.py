"""How many requests may be under way at once: a limit that adapts to what the endpoint bears.

Additive increase, multiplicative decrease (Chiu and Jain 1989, section 3): after a first phase that grows by
one with every success, the limit grows by one per round of successes, and is halved when the endpoint is
overloaded, at most once per round. Invariants: 1 <= limit <= maximum; never more slots are held than the
limit allowed when they were taken; waiting is first come, first served.
"""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from collections.abc import Awaitable, Callable

DECREASE = 0.5
MAX_CONCURRENCY = 1024


class Outcome(enum.Enum):
    """What a slot was used for."""

    SUCCESS = "success"
    OVERLOAD = "overload"
    """429, 5xx, a timeout, a broken connection."""
    NEUTRAL = "neutral"
    """Says nothing about the load (a refusal, a cancelled request)."""


class AdaptiveLimit:
    """A semaphore whose size follows the endpoint. For one event loop.

    Args:
        maximum: The limit is never larger.
        initial: The limit at the start; all of `maximum` up to 16 if None.
        clock: Seconds, monotonic.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        maximum: int,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        initial: int | None = None,
    ) -> None:
        if not 1 <= maximum <= MAX_CONCURRENCY:
            raise ValueError(f"the maximum must be between 1 and {MAX_CONCURRENCY}")
        self.maximum = maximum
        self._limit = float(min(maximum, 16 if initial is None else max(1, initial)))
        self._clock = clock
        self._sleep = sleep
        self._growing_fast = True
        self._round = 0
        self._held = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._paused_until = 0.0

    @property
    def limit(self) -> int:
        """How many slots there are now."""
        return int(self._limit)

    @property
    def held(self) -> int:
        """How many slots are taken now."""
        return self._held

    def pause(self, seconds: float) -> None:
        """Hand out no slot for so many seconds, because the endpoint asked for it (Retry-After)."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    async def acquire(self) -> int:
        """Take a slot, waiting as long as needed.

        Returns:
            The round in which the slot was taken; give it to `release`.
        """
        while (wait := self._paused_until - self._clock()) > 0:
            await self._sleep(wait)
        if self._held < int(self._limit) and not self._waiting:
            self._held += 1
            return self._round
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # the slot was handed over and the taker is gone
                self._held -= 1
                self._hand_out()
            raise
        return self._round

    def release(self, taken_in: int, outcome: Outcome) -> None:
        """Give a slot back and say how it went.

        Args:
            taken_in: What `acquire` returned. An overload met by a slot of an earlier round was answered
                already.
            outcome: What the slot was used for.
        """
        self._held -= 1
        if outcome is Outcome.SUCCESS:
            self._grow()
        elif outcome is Outcome.OVERLOAD and taken_in == self._round:
            self._limit = max(1.0, self._limit * DECREASE)
            self._growing_fast = False
            self._round += 1
        self._hand_out()

    def _grow(self) -> None:
        if self._limit < self.maximum:
            step = 1.0 if self._growing_fast else 1.0 / self._limit
            self._limit = min(float(self.maximum), self._limit + step)

    def _hand_out(self) -> None:
        while self._waiting and self._held < int(self._limit):
            turn = self._waiting.popleft()
            if not turn.done():
                self._held += 1
                turn.set_result(None)
