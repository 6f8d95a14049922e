"""From what a person ordered to a run: reaches the model and the judges, then carries the run out.

The one place where the parts of a run meet. Invariants: a key is given to the client of its own host and to
nothing else; whatever was started (local servers, connections) is ended, however the run ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from consilience.errors import InputError, PartnerError
from consilience.evaluation.endpoint import EndpointSettings, open_endpoint
from consilience.evaluation.local_model import LocalServer, LocalSettings, packaged_weights, serve_locally
from consilience.evaluation.manifest import Served
from consilience.evaluation.metering import Meter, machine_counters
from consilience.evaluation.model import Chat, ChatReply, ChatRequest, ModelSpec
from consilience.evaluation.progress import Progress
from consilience.evaluation.protocol import Protocol
from consilience.evaluation.raters.rating import build_raters, judges_to_ask
from consilience.evaluation.run_folder import LOCAL_MODEL_LOG
from consilience.evaluation.run_plan import Overrides, RunPlan, plan_run
from consilience.evaluation.run_record import Manifest
from consilience.evaluation.runner import RunSettings, Surroundings, carry_out

LOCAL_KEYS: dict[str, str | int | float | bool | list[str] | None] = {"cache_prompt": True}
"""Added to requests to a server of ours: the system prompt is computed once."""


class RunOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a person ordered. The keys are in no other field."""

    protocol: Protocol
    protocol_digest: str
    laboratory: str
    model: ModelSpec
    judges: dict[str, ModelSpec] = {}
    """By rater id."""
    overrides: Overrides = Overrides()
    settings: RunSettings = RunSettings()
    endpoint: EndpointSettings = EndpointSettings()
    local: LocalSettings = LocalSettings()


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """Secrets, kept apart from everything that is written down or shown."""

    model: str | None = None
    judges: str | None = None

    def __repr__(self) -> str:
        return "Keys(…)"

    def of_judge(self, judge: ModelSpec, model: ModelSpec) -> str | None:
        """Return the judges' key; for a judge on the model's own host and port the model's key, if there is
        none."""
        if self.judges is not None:
            return self.judges
        same = judge.url is not None and model.url is not None and _origin(judge.url) == _origin(model.url)
        return self.model if same else None


def plan_of(order: RunOrder) -> RunPlan:
    """Return what the run of an order asks.

    Raises:
        InputError: See `plan_run`; or a judge was given for a rater that is none.
        MissingExtraError: The packaged weights are meant and not installed.
    """
    judges = {rater.id for rater in judges_to_ask(order.protocol)}
    unknown = set(order.judges) - judges
    if unknown:
        raise InputError(
            f"the protocol has no judge {', '.join(sorted(unknown))}",
            next_step=f"Its judges are: {', '.join(sorted(judges)) or 'none'}. Write --judge RATER=SPEC.",
        )
    return plan_run(
        order.protocol,
        order.protocol_digest,
        laboratory=order.laboratory,
        model=order.model.name or packaged_weights().stem,
        overrides=order.overrides,
        max_tokens_key=order.endpoint.max_tokens_key,
    )


async def run_order(
    order: RunOrder,
    folder_of: Callable[[RunPlan], Path],
    *,
    keys: Keys | None = None,
    watch: Callable[[Progress], None] = lambda _progress: None,
) -> Manifest:
    """Carry out an order, or go on with it.

    Args:
        order: What was ordered.
        folder_of: Gives the folder of a run; it must exist when it is returned.
        keys: Secrets for the endpoints.
        watch: Is shown the progress, about twice per second.

    Raises:
        ConsilienceError: See `carry_out`, `serve_locally` and `parse_model_spec`.
    """
    keys = keys or Keys()
    plan = plan_of(order)
    folder = folder_of(plan)
    async with contextlib.AsyncExitStack() as stack:
        reach = _Reach(order, folder / LOCAL_MODEL_LOG, stack)
        chat, server = await reach.chat(order.model, keys.model, order.settings.concurrency)
        judges: dict[str, Alarm] = {}
        for rater, spec in order.judges.items():
            key = keys.of_judge(spec, order.model)
            judge, _ = await reach.chat(spec, key, order.settings.judge_concurrency)
            judges[rater] = Alarm(judge)
        counters, reason = machine_counters()
        meter = Meter(
            clock=time.monotonic,
            cpu=time.process_time,
            model_cpu=server.cpu_seconds if server else None,
            counters=counters,
            reason=reason,
        )
        try:
            return await carry_out(
                plan,
                folder,
                model=chat,
                served=_served(chat, server),
                raters=build_raters(order.protocol, judge_clients=judges),
                settings=order.settings,
                surroundings=Surroundings(
                    meter=meter,
                    now=lambda: datetime.datetime.now(datetime.UTC),
                    clock=time.monotonic,
                    watch=watch,
                    stopped_by=lambda: next((judge.error for judge in judges.values() if judge.error), None),
                ),
            )
        except PartnerError as error:
            raise reach.explained(error) from error


class Alarm:
    """A judge's model that remembers why it cannot be asked any more.

    Args:
        chat: The model.
    """

    def __init__(self, chat: Chat) -> None:
        self.spec = chat.spec
        self.endpoint = chat.endpoint
        self.error: PartnerError | None = None
        self._chat = chat

    async def chat(self, request: ChatRequest) -> ChatReply:
        """Ask once.

        Raises:
            PartnerError: See `Chat`.
        """
        try:
            return await self._chat.chat(request)
        except PartnerError as error:
            self.error = self.error or error
            raise


class _Reach:
    """Opens models, each local one once."""

    def __init__(self, order: RunOrder, log: Path, stack: contextlib.AsyncExitStack) -> None:
        self._order = order
        self._log = log
        self._stack = stack
        self._servers: dict[str | None, LocalServer] = {}

    async def chat(
        self, spec: ModelSpec, key: str | None, concurrency: int
    ) -> tuple[Chat, LocalServer | None]:
        if spec.kind == "endpoint":
            opened = open_endpoint(
                spec, key=key, concurrency=concurrency, settings=self._order.endpoint, rng=random.Random()
            )
            return await self._stack.enter_async_context(opened), None
        server = self._servers.get(spec.weights)
        if server is None:
            server = self._servers[spec.weights] = await self._serve(spec)
        opened = open_endpoint(
            server.spec(spec),
            concurrency=min(concurrency, self._order.local.slots),
            settings=self._order.endpoint,
            rng=random.Random(),
            shown_endpoint=server.shown_endpoint,
            extra=dict(LOCAL_KEYS),
        )
        return await self._stack.enter_async_context(opened), server

    async def _serve(self, spec: ModelSpec) -> LocalServer:
        """Load weights in a thread, which gives up when this task is cancelled."""
        stop = threading.Event()
        serving = serve_locally(spec, self._log, settings=self._order.local, stop=stop)
        try:
            return await asyncio.to_thread(self._stack.enter_context, serving)
        except asyncio.CancelledError:
            stop.set()
            raise

    def explained(self, error: PartnerError) -> PartnerError:
        """Say that a local server has crashed, where that is why the endpoint fails."""
        for server in self._servers.values():
            status = server.ended()
            if status is not None:
                how = f"signal {-status}" if status < 0 else f"status {status}"
                return PartnerError(
                    f"the process of the local model ended by itself ({how})",
                    next_step=f"Read {self._log.name} in the run's folder, then run the same again.",
                )
        return error


def _served(chat: Chat, server: LocalServer | None) -> Served:
    if server is None:
        return Served(endpoint=chat.endpoint)
    return Served(
        endpoint=chat.endpoint,
        weights_digest=server.weights_digest,
        extra_sampling=LOCAL_KEYS,
        software=server.software(),
    )


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port
