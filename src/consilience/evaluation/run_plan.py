"""What one run will ask: the protocol as this laboratory carries it out, with everything it does differently.

Pure. Invariants:
- the name of a run is a function of protocol digest, laboratory, model and everything that changes what is
  asked; so the same command finds its run again, and another setting is another run;
- the seed of a request is a function of the protocol's seed and the generation id: it is the same when a run
  goes on, and differs between laboratories, whose draws must be independent for the spread between them to
  be an honest one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

import msgspec

from consilience.errors import InputError
from consilience.evaluation.model import MAX_NAME_CHARS, ChatRequest, Sampling, sampling_keys
from consilience.evaluation.protocol import Generation, Item, Protocol, item_digest
from consilience.evaluation.run_record import Selection, generation_id
from consilience.records.canonical import canonical_bytes, digest

MAX_ATTEMPTS = 10_000


class Overrides(msgspec.Struct, frozen=True, kw_only=True):
    """What a laboratory does otherwise than the protocol says. None: as planned. All of it is recorded."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    system_prompt: str | None = None
    """An empty text: no system prompt is sent."""
    attempts: int | None = None
    selection: Selection = Selection()


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One generation that the plan asks for."""

    generation: str
    item: Item
    attempt: int


class RunPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides what is asked. Make it with `plan_run`."""

    protocol: Protocol
    protocol_digest: str
    laboratory: str
    model: str
    generation: Generation
    """As carried out."""
    attempts: int
    selection: Selection
    items: tuple[Item, ...]
    max_tokens_key: str = "max_tokens"

    @property
    def run(self) -> str:
        """Name of the run and of its folder."""
        settings = {
            "protocol": self.protocol_digest,
            "laboratory": self.laboratory,
            "model": self.model,
            "generation": msgspec.to_builtins(self.generation),
            "attempts": self.attempts,
            "selection": msgspec.to_builtins(self.selection),
            "max_tokens_key": self.max_tokens_key,
        }
        mark = digest(canonical_bytes(settings)).removeprefix("sha256:")[:8]
        names = (self.protocol.name, self.laboratory, self.model)
        return "-".join([*(_slug(name) for name in names), mark])

    @property
    def total(self) -> int:
        """How many generations there will be."""
        return len(self.items) * self.attempts

    def asked(self) -> Iterator[Asked]:
        """Yield every generation: all items once, then all of them again for the next attempt."""
        for attempt in range(1, self.attempts + 1):
            for item in self.items:
                yield Asked(generation=self.name_of(item, attempt), item=item, attempt=attempt)

    def name_of(self, item: Item, attempt: int) -> str:
        """Return the generation id of an item and attempt."""
        return generation_id(
            protocol_digest=self.protocol_digest,
            laboratory=self.laboratory,
            model=self.model,
            language=item.language,
            item=item.id,
            attempt=attempt,
        )

    def request(self, asked: Asked) -> ChatRequest:
        """Return what is sent for one generation: the item's prompt as it stands, choices not added."""
        system = self.generation.system_prompt
        question = ("user", asked.item.prompt)
        return ChatRequest(
            messages=(("system", system), question) if system else (question,),
            temperature=self.generation.temperature,
            top_p=self.generation.top_p,
            max_tokens=self.generation.max_tokens,
            stop=self.generation.stop,
            seed=seed_of(self.generation.seed, asked.generation),
        )

    def sampling(self) -> Sampling:
        """Return the keys as sent, for the manifest; `seed` is the base that the protocol fixes."""
        generation = self.generation
        request = ChatRequest(
            messages=(),
            temperature=generation.temperature,
            top_p=generation.top_p,
            max_tokens=generation.max_tokens,
            stop=generation.stop,
            seed=generation.seed,
        )
        return sampling_keys(request, self.max_tokens_key)

    def system_prompt_digest(self) -> str | None:
        """Return the digest of the system prompt, or None where none is sent."""
        return text_digest(self.generation.system_prompt)

    def items_digest(self) -> str:
        """Return the digest of the sorted item digests."""
        return items_digest(self.items)

    def languages(self) -> tuple[str, ...]:
        """Return the languages that are asked, in the protocol's order."""
        present = {item.language for item in self.items}
        return tuple(language.tag for language in self.protocol.languages if language.tag in present)


def plan_run(
    protocol: Protocol,
    protocol_digest: str,
    *,
    laboratory: str,
    model: str,
    overrides: Overrides | None = None,
    max_tokens_key: str = "max_tokens",
) -> RunPlan:
    """Decide what a run asks.

    Args:
        protocol: The plan of the exercise.
        protocol_digest: Its digest.
        laboratory: Who runs it.
        model: Its name in tables.
        overrides: What is done otherwise.
        max_tokens_key: The key under which the token limit is sent.

    Raises:
        InputError: A name cannot be used, an override is out of range, or no item is left.
    """
    overrides = overrides or Overrides()
    _check_name("laboratory", laboratory)
    _check_name("model", model)
    _check_ranges(overrides)
    items = (
        _no_items(protocol, overrides.selection)
        if protocol.tasks
        else select_items(protocol, overrides.selection)
    )
    changes = {
        key: value
        for key in ("temperature", "top_p", "max_tokens")
        if (value := getattr(overrides, key)) is not None
    }
    if overrides.system_prompt is not None:
        changes["system_prompt"] = overrides.system_prompt or None
    return RunPlan(
        protocol=protocol,
        protocol_digest=protocol_digest,
        laboratory=laboratory,
        model=model,
        generation=msgspec.structs.replace(protocol.generation, **changes),
        attempts=overrides.attempts or protocol.attempts,
        selection=overrides.selection,
        items=items,
        max_tokens_key=max_tokens_key,
    )


def select_items(protocol: Protocol, selection: Selection) -> tuple[Item, ...]:
    """Return the items of a selection, translations of one item together, in the protocol's order.

    With `limit`, item ids are taken in turn from each concept, so that a pilot sees all of them.

    Raises:
        InputError: A language is not one of the protocol, or no item is left.
    """
    unknown = set(selection.languages) - {language.tag for language in protocol.languages}
    if unknown:
        raise InputError(
            f"the protocol has no language {', '.join(sorted(unknown))}",
            next_step="It has " + ", ".join(language.tag for language in protocol.languages) + ".",
        )
    chosen = [
        item
        for item in protocol.items
        if (not selection.languages or item.language in selection.languages)
        and (not selection.splits or item.split in selection.splits)
    ]
    if selection.limit is not None:
        wanted = _first_ids(chosen, selection.limit)
        chosen = [item for item in chosen if item.id in wanted]
    if not chosen:
        raise InputError(
            "this selection leaves no item to ask", next_step="Ask for more languages or splits."
        )
    return tuple(chosen)


def _no_items(protocol: Protocol, selection: Selection) -> tuple[Item, ...]:
    """Return what is known of the items of tasks before they have run: none.

    Raises:
        InputError: No task is of a language that was chosen.
    """
    known = {task.language for task in protocol.tasks}
    unknown = set(selection.languages) - known
    if unknown:
        raise InputError(
            f"the protocol has no task in the language {', '.join(sorted(unknown))}",
            next_step="It has tasks in " + ", ".join(sorted(known)) + ".",
        )
    return ()


def _first_ids(items: Sequence[Item], limit: int) -> set[str]:
    by_concept: dict[str, dict[str, None]] = {}
    for item in items:
        by_concept.setdefault(item.concept, {}).setdefault(item.id)
    queues = [iter(ids) for ids in by_concept.values()]
    wanted: set[str] = set()
    while queues and len(wanted) < limit:
        for queue in list(queues):
            name = next(queue, None)
            if name is None:
                queues.remove(queue)
            elif len(wanted) < limit:
                wanted.add(name)
    return wanted


def seed_of(base: int | None, generation: str) -> int | None:
    """Return the seed of one request: 31 bits of SHA-256 over the protocol's seed and the generation id.

    31 bits, because endpoints differ in the width and sign of seeds. None where the protocol fixes no seed.
    """
    if base is None:
        return None
    return int.from_bytes(hashlib.sha256(f"seed\x1f{base}\x1f{generation}".encode()).digest()[:4], "big") >> 1


def items_digest(items: Sequence[Item]) -> str:
    """Return the digest of the sorted item digests, one per line."""
    return digest("\n".join(sorted(item_digest(item) for item in items)).encode())


def text_digest(text: str | None) -> str | None:
    """Return the digest of a text, or None where there is none."""
    return digest(text.encode()) if text else None


def _check_name(what: str, name: str) -> None:
    if not name.strip() or len(name) > MAX_NAME_CHARS or not name.isprintable():
        raise InputError(
            f"this name of a {what} cannot be used: it is empty, too long, or has line breaks",
            next_step=f"Use up to {MAX_NAME_CHARS} printable characters.",
        )


def _check_ranges(overrides: Overrides) -> None:
    limit = overrides.selection.limit
    checks = (
        ("temperature", overrides.temperature, 0.0, 10.0),
        ("top_p", overrides.top_p, 0.0, 1.0),
        ("max_tokens", overrides.max_tokens, 1, 10_000_000),
        ("attempts", overrides.attempts, 1, MAX_ATTEMPTS),
        ("limit", limit, 1, 10_000_000),
    )
    for name, value, low, high in checks:
        if value is not None and not low <= value <= high:
            raise InputError(
                f"{name} is {value}, which is not between {low:,} and {high:,}",
                next_step=f"Give --{name.replace('_', '-')} a number in this range, or leave it away.",
            )


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-.")[:40] or "x"
