"""What does not belong together is refused: another protocol, a changed item, the same measurement twice
and different.

Responsible for the checks between files and against the protocol. Every refusal says which and why.
"""

# ruff: noqa: S608 - every name in a query is a constant of ours or went through `quoted`

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from consilience.errors import IncompatibleError, InputError, Where
from consilience.evaluation.merge_census import CONTROL, Group, shown
from consilience.evaluation.merge_engine import Engine
from consilience.evaluation.merge_reading import Sources
from consilience.evaluation.protocol import Protocol, Split, item_digest
from consilience.evaluation.run_record import Manifest

GENERATION = ("laboratory", "model", "language", "concept", "item", "attempt", "rater")
NO_OTHER_SPLIT = "(split IS NULL OR split = '' OR split = 'evaluation')"
SHORT = 19
"""Characters of a digest that a message shows: `sha256:` and twelve digits."""


def check_exercise(groups: Sequence[Group], sources: Sources, protocol: Protocol | None) -> None:
    """Refuse rows of different exercises.

    Raises:
        IncompatibleError: Two exercises, or another than the protocol's.
    """
    names = sorted({group.exercise for group in groups})
    if len(names) > 1:
        raise IncompatibleError(
            f"rows of different exercises: {_by_file(names, groups, sources, 'exercise')}",
            next_step="Analyse each exercise by itself.",
        )
    if protocol is not None and names[0] != protocol.name:
        raise IncompatibleError(
            f"the rows are of the exercise {shown(names[0])}, the protocol is {shown(protocol.name)}",
            next_step="Give the protocol of this exercise.",
        )


def check_protocol(
    groups: Sequence[Group], sources: Sources, manifests: Sequence[Manifest], digest: str | None
) -> str | None:
    """Refuse rows and manifests of different protocols, and return the one digest that they name (None:
    none does).

    Args:
        groups: The census.
        sources: The files.
        manifests: Of the runs.
        digest: Of the protocol that was given, or None.

    Raises:
        IncompatibleError: Two digests, or another than the given one.
    """
    named = sorted({group.protocol_digest for group in groups if group.protocol_digest})
    if len(named) > 1:
        raise IncompatibleError(
            f"rows under different protocols: {_by_file(named, groups, sources, 'protocol_digest')}",
            next_step="Leave out the files under the other protocol.",
        )
    if digest is not None and named and named[0] != digest:
        raise IncompatibleError(
            f"the rows are under the protocol {named[0][:SHORT]}…, the given one is {digest[:SHORT]}…: "
            f"{_by_file(named, groups, sources, 'protocol_digest')}",
            next_step="Give the protocol under which the rows were made; a changed item or setting is "
            "another protocol.",
        )
    expected = digest or (named[0] if named else None)
    for manifest in manifests:
        if expected is not None and manifest.protocol_digest != expected:
            raise IncompatibleError(
                f"the run {shown(manifest.run)} of {shown(manifest.laboratory)} was made under the protocol "
                f"{manifest.protocol_digest[:SHORT]}…, the others under {expected[:SHORT]}…",
                next_step="Leave out this run.",
            )
        expected = expected or manifest.protocol_digest
    return expected


def check_raters(groups: Sequence[Group], sources: Sources) -> None:
    """Refuse a rater that is of one kind here and of another there.

    Raises:
        IncompatibleError: With the rater and its kinds.
    """
    kinds: dict[str, str] = {}
    for group in groups:
        if kinds.setdefault(group.rater, group.rater_kind) != group.rater_kind:
            raise IncompatibleError(
                f"the rater {shown(group.rater)} is a {kinds[group.rater]} in some rows and a "
                f"{group.rater_kind} in "
                f"{sources[group.source].file.name}",
                next_step="Give different raters different names.",
            )


def _by_file(values: Sequence[str], groups: Sequence[Group], sources: Sources, column: str) -> str:
    """Say which values stand in which files."""
    told = []
    for value in values[:5]:
        files = sorted({sources[g.source].file.name for g in groups if getattr(g, column) == value})
        more = f" and {len(files) - 3} more" if len(files) > 3 else ""
        word = value[:SHORT] + "…" if value.startswith("sha256:") else shown(value)
        told.append(f"{word} in {', '.join(files[:3])}{more}")
    return "; ".join(told) + ("; …" if len(values) > 5 else "")


def register_plan(engine: Engine, protocol: Protocol) -> None:
    """Make the table `plan`: item, language, concept, digest and split of every item of the protocol."""
    items = protocol.items
    columns = {
        "item": [item.id for item in items],
        "language": [item.language for item in items],
        "concept": [item.concept for item in items],
        "digest": [item_digest(item) for item in items],
        "split": [item.split.value for item in items],
    }
    engine.register(
        "plan_columns", {name: np.asarray(values, dtype=object) for name, values in columns.items()}
    )
    engine.run("CREATE OR REPLACE TEMP TABLE plan AS SELECT * FROM plan_columns")


def collect_items(engine: Engine, *, with_plan: bool, with_digests: bool, with_splits: bool) -> None:
    """Make small tables of the view `rows`: `seen`, the items with one of their files; `digests` and `splits`
    of items.

    Args:
        engine: With the view `rows`.
        with_plan: Whether there is a protocol, so that language and concept of the items are looked at.
        with_digests: Whether any file has item digests.
        with_splits: Whether there are rows of different splits.
    """
    what = "item, language, concept" if with_plan else "item"
    evaluated = f"bool_or({NO_OTHER_SPLIT})" if with_splits else "TRUE"
    engine.run(
        f"CREATE OR REPLACE TEMP TABLE seen AS SELECT {what}, min(source) AS source, {evaluated} AS "
        f"evaluated FROM rows GROUP BY {what}"
    )
    engine.run(
        "CREATE OR REPLACE TEMP TABLE digests AS SELECT item, language, item_digest, min(source) AS source "
        f"FROM rows WHERE item_digest <> '' AND {with_digests} GROUP BY ALL"
    )
    engine.run(
        "CREATE OR REPLACE TEMP TABLE splits AS SELECT DISTINCT item, split FROM rows "
        f"WHERE split <> '' AND {with_splits}"
    )


def check_items(engine: Engine, sources: Sources, *, with_plan: bool) -> None:
    """Refuse items that changed, or that the protocol does not know.

    Args:
        engine: After `collect_items`, with the table `plan` if `with_plan`.
        sources: The files.
        with_plan: Whether there is a protocol.

    Raises:
        IncompatibleError: With the item, its language and the files.
        InputError: An item id holds a control character.
    """
    _check_digests(engine, sources, with_plan=with_plan)
    if with_plan:
        _check_known(engine, sources)
    for name, file in engine.rows("SELECT item, min(source) FROM seen GROUP BY item"):
        if CONTROL.search(name):
            raise InputError(
                "an item id holds a control character",
                where=Where(file=sources[file].file.name),
                next_step="Give items plain ids.",
            )


def _check_digests(engine: Engine, sources: Sources, *, with_plan: bool) -> None:
    changed = engine.rows(
        "SELECT item, language, min(item_digest), max(item_digest) FROM digests GROUP BY ALL "
        "HAVING min(item_digest) <> max(item_digest) ORDER BY item, language LIMIT 1"
    )
    if changed:
        item, language, first, second = changed[0]
        first_file, second_file = (
            engine.rows(
                "SELECT min(source) FROM digests WHERE item = ? AND language = ? AND item_digest = ?",
                [item, language, digest],
            )[0][0]
            for digest in (first, second)
        )
        raise IncompatibleError(
            f"the item {shown(item)} in {shown(language)} is not the same everywhere: {first[:SHORT]}… in "
            f"{sources[first_file].file.name}, {second[:SHORT]}… in {sources[second_file].file.name}",
            next_step="Leave out the files in which the item was changed.",
        )
    if not with_plan:
        return
    other = engine.rows(
        "SELECT d.item, d.language, d.item_digest, p.digest, d.source FROM digests d JOIN plan p "
        "USING (item, language) WHERE d.item_digest <> p.digest ORDER BY 1, 2 LIMIT 1"
    )
    if other:
        item, language, found, planned, file = other[0]
        raise IncompatibleError(
            f"the item {shown(item)} in {shown(language)} was changed: its digest is {found[:SHORT]}…, "
            "in the protocol "
            f"{planned[:SHORT]}…",
            where=Where(file=sources[file].file.name),
            next_step="Leave out this file, or give the protocol that it was made under.",
        )


def _check_known(engine: Engine, sources: Sources) -> None:
    unknown = engine.rows(
        "SELECT r.item, r.language, r.concept, min(r.source), p.concept FROM "
        "seen r LEFT JOIN plan p USING (item, language) "
        "WHERE p.concept IS NULL OR p.concept <> r.concept GROUP BY ALL ORDER BY 1, 2 LIMIT 1"
    )
    if unknown:
        item, language, concept, file, planned = unknown[0]
        what = (
            f"the protocol has no item {shown(item)} in {shown(language)}"
            if planned is None
            else f"the item {shown(item)} in {shown(language)} stands under the concept "
            f"{shown(concept)}, in the protocol "
            f"under {shown(planned)}"
        )
        raise IncompatibleError(
            what,
            where=Where(file=sources[file].file.name),
            next_step="Leave out these rows, or give the protocol that they were made under.",
        )


@dataclass(frozen=True)
class Choice:
    """Which rows carry the results."""

    rows: str
    """SQL condition of the rows."""
    items: str
    """SQL condition of their items in the table `seen`."""
    stand_in: tuple[str, ...]
    """Splits that stand in for evaluation items."""
    planned: bool
    """Whether the conditions ask the table `plan`."""


def choose(groups: Sequence[Group], protocol: Protocol | None) -> Choice:
    """Say which rows carry the results.

    Items of the exploratory and tuning splits were there to build the exercise; they enter no number.
    Where there are no evaluation items at all, the others are used, and the result says so.
    """
    if protocol is not None and any(item.split is not Split.EVALUATION for item in protocol.items):
        if any(item.split is Split.EVALUATION for item in protocol.items):
            among = "(item, language) IN (SELECT (item, language) FROM plan WHERE split = 'evaluation')"
            return Choice(among, among, (), planned=True)
        return Choice("TRUE", "TRUE", tuple(sorted({item.split.value for item in protocol.items})), False)
    splits = {group.split for group in groups if group.split}
    if not splits - {Split.EVALUATION.value}:
        return Choice("TRUE", "TRUE", (), planned=False)
    if any(not group.split or group.split == Split.EVALUATION for group in groups):
        return Choice(NO_OTHER_SPLIT, "evaluated", (), planned=False)
    return Choice("TRUE", "TRUE", tuple(sorted(splits)), planned=False)


def settle_doubled(engine: Engine, sources: Sources) -> None:
    """Count equal rows once: replace the view `part` by its different rows.

    Raises:
        IncompatibleError: One laboratory gave the same rating twice, and differently.
    """
    keys = ", ".join(GENERATION)
    differing = engine.rows(
        f"SELECT {keys}, min(source), max(source) FROM part GROUP BY {keys} "
        "HAVING count(*) > 1 AND (count(DISTINCT status) > 1 OR min(score) <> max(score) "
        "OR (count(score) > 0 AND count(score) < count(*)) OR count(DISTINCT coalesce(cause, '')) > 1) "
        "ORDER BY ALL LIMIT 1"
    )
    if differing:
        laboratory, model, language, _, item, attempt, rater, first, last = differing[0]
        files = sources[first].file.name
        if last != first:
            files += f" and {sources[last].file.name}"
        raise IncompatibleError(
            f"the laboratory {shown(laboratory)} is there twice with different results: model "
            f"{shown(model)}, item "
            f"{shown(item)} in {shown(language)}, attempt {attempt}, rater {shown(rater)}, in {files}",
            next_step="Keep one of the two, or give the second run of a laboratory a laboratory name of "
            "its own.",
        )
    engine.run(
        f"CREATE OR REPLACE TEMP TABLE single AS SELECT {keys}, min(source) AS source, "
        "any_value(exercise) AS exercise, "
        "any_value(rater_kind) AS rater_kind, any_value(score) AS score, any_value(status) AS status, "
        "any_value(cause) AS cause, any_value(protocol_digest) AS protocol_digest, any_value(split) AS "
        "split, "
        f"bool_or(simulated) AS simulated FROM part GROUP BY {keys}"
    )
    engine.run("CREATE OR REPLACE TEMP VIEW part AS SELECT * FROM single")
