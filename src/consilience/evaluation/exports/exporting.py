"""The export: from run folders, imports and results to files of one format.

Responsible for the order of the work and for what may leave. Invariants: what is marked above TLP:GREEN
leaves only when the person says that the marking was looked at; a text of an item leaves only when it is
asked for, and without a known marking only with the same word; nothing that is there is overwritten.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from consilience.errors import IncompatibleError, InputError, PolicyError, Where
from consilience.evaluation.exports import croissant, hugging_face
from consilience.evaluation.exports.estimates import Estimates
from consilience.evaluation.exports.material import Material, load_material
from consilience.evaluation.exports.path_part import part_of_path
from consilience.evaluation.exports.target import Target, check_target, file_sha256, open_target
from consilience.evaluation.exports.written import Export, NotHeld, WrittenFile, together
from consilience.evaluation.joint_result import JointResult
from consilience.records.marking import Marking, may_be_shown_at

Format = Literal["every-eval-ever", "hugging-face", "cyclonedx", "croissant", "csv", "parquet"]
FORMATS: tuple[Format, ...] = (
    "every-eval-ever", "hugging-face", "cyclonedx", "croissant", "csv", "parquet",
)  # fmt: skip
SINGLE = ("cyclonedx", "csv", "parquet")
"""Formats that are one file."""
CEILING = Marking.GREEN
"""What is marked above leaves only with a word."""
MAX_ADDRESS = 2_000
"""Characters of an address that the person gives."""
ADDRESS = re.compile(r"(?:https?://|urn:)[\w.~:/?#@!$&'()*+,;=%-]+", re.ASCII)
Progress = Callable[[str], None]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the person asks for."""

    format: Format
    acknowledged: bool = False
    """The marking was looked at, and the export goes no further than it allows."""
    with_texts: bool = False
    relationship: str = "other"
    dataset: str | None = None
    url: str | None = None
    creator: str | None = None
    license: str | None = None


class _Counts(msgspec.Struct, kw_only=True):
    rows: int = 0
    results: int = 0
    losses: list[NotHeld] = []


def export(
    paths: Sequence[Path],
    request: Request,
    target: Path,
    *,
    now: datetime.datetime,
    progress: Progress | None = None,
) -> Export:
    """Export what the paths stand for.

    Args:
        paths: Run folders, folders of imports, score files, a joint result, a protocol.
        request: The format and what goes out.
        target: A new file, or a new or empty folder.
        now: UTC.
        progress: Told what is being done.

    Returns:
        What was written, and what the format could not hold.

    Raises:
        PolicyError: The marking does not allow it without a word.
        InputError: An input cannot be used, or something is missing that the format demands.
        IncompatibleError: Inputs do not belong together.
        LimitError: A documented limit is passed.
        StoreError: The target cannot be written.
    """
    tell = progress or (lambda _: None)
    check_target(target)
    check_address(request.url)
    material = load_material(paths)
    check_marking(material.marking, request)
    counts = _Counts()
    single = target.name if request.format in SINGLE else None
    with open_target(target, single=single) as made:
        WRITERS[request.format](made, material, request, counts, now=now, tell=tell, name=target.name)
        files = made.files()
    return _told(request, target, material, counts, files)


def _told(
    request: Request, target: Path, material: Material, counts: _Counts, files: tuple[WrittenFile, ...]
) -> Export:
    return Export(
        format=request.format,
        target=target.name,
        handling=material.marking.value if material.marking is not None else None,
        rows=counts.rows,
        results=counts.results,
        files=files,
        not_held=together(counts.losses),
    )


def check_marking(marking: Marking | None, request: Request) -> None:
    """Refuse what may not leave without a word.

    Raises:
        PolicyError: The marking is above TLP:GREEN, or texts without any marking are asked for, and the
            person has not said that the marking was looked at.
    """
    if request.acknowledged:
        return
    if marking is None:
        if request.with_texts:
            raise PolicyError(
                "nothing says how far the texts of these items may go",
                next_step="Leave out --with-texts, or say --handling-acknowledged if they may go out.",
            )
        return
    if not may_be_shown_at(marking, CEILING):
        raise PolicyError(
            f"what is exported is {marking.value}, and an export goes further than this allows by itself",
            next_step="Say --handling-acknowledged if everybody who gets it may see it.",
        )


def check_result(material: Material, result: JointResult) -> None:
    """Refuse a joint result that other scores than these went into.

    Raises:
        IncompatibleError: With the file that the result does not know.
    """
    known = {file.sha256.removeprefix("sha256:") for file in result.inputs}
    for file in material.scores:
        if file_sha256(file.path) not in known:
            raise IncompatibleError(
                "these scores did not go into the joint result that is named with them",
                where=Where(file=file.name),
                next_step="Analyse these scores again, or leave the result out.",
            )


def check_address(url: str | None) -> None:
    """Refuse an address that would not stand in a document as one.

    Raises:
        InputError: It is no http, https or urn address, or too long.
    """
    if url is not None and (len(url) > MAX_ADDRESS or not ADDRESS.fullmatch(url)):
        raise InputError(
            "this is no address", next_step="Write --url as https://…, http://… or urn:…, without spaces."
        )


def _result(material: Material, now: datetime.datetime, tell: Progress) -> JointResult:
    """The joint result that was named, or the analysis of the scores."""
    if material.result is not None:
        check_result(material, material.result)
        return material.result
    if not material.folders:
        raise InputError(
            "this export needs a joint result or scores",
            next_step="Name the result of `consilience exercise analyse`, or run folders.",
        )
    from consilience.evaluation.analysis import analyse

    tell("no joint result was named; the scores are analysed")
    return analyse(material.folders, protocol=material.protocol, now=now, progress=tell)


def _every_eval_ever(
    made: Target, material: Material, request: Request, counts: _Counts, *, now: datetime.datetime,
    tell: Progress, name: str,
) -> None:  # fmt: skip
    from consilience.evaluation.exports.every_eval_ever_files import write_every_eval_ever
    from consilience.evaluation.exports.rows import open_rows

    with open_rows(material, with_texts=request.with_texts) as rows:
        estimates = Estimates(_result(material, now, tell))
        tell("documents and rows")
        counted, losses = write_every_eval_ever(
            made, material, rows, estimates=estimates, relationship=request.relationship,
            with_texts=request.with_texts, now=now,
        )  # fmt: skip
    counts.rows, counts.results = counted.rows, counted.results
    counts.losses += losses


def _hugging_face(
    made: Target, material: Material, request: Request, counts: _Counts, *, now: datetime.datetime,
    tell: Progress, name: str,
) -> None:  # fmt: skip
    result = _result(material, now, tell)
    setting = hugging_face.Setting(dataset=request.dataset, url=request.url)
    file = part_of_path(result.exercise.name) + ".yaml"
    for model in result.models:
        found, losses = hugging_face.entries(result, model, setting)
        folder = part_of_path(model)
        text = hugging_face.yaml_text(found)
        made.write(f"{folder}/.eval_results/{file}", text.encode("utf-8", "replace"))
        card = hugging_face.model_card(result, model, setting)
        made.write(f"{folder}/model-card.md", card.encode("utf-8", "replace"))
        counts.results += len(found)
        counts.losses += losses


def _cyclonedx(
    made: Target, material: Material, request: Request, counts: _Counts, *, now: datetime.datetime,
    tell: Progress, name: str,
) -> None:  # fmt: skip
    from consilience.evaluation.exports.cyclonedx import bill_of_materials

    document, losses = bill_of_materials(_result(material, now, tell), material, now=now)
    made.write(name, msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
    cards = [component["modelCard"] for component in document["components"]]
    counts.results = sum(len(card["quantitativeAnalysis"]["performanceMetrics"]) for card in cards)
    counts.losses += losses


def _croissant(
    made: Target, material: Material, request: Request, counts: _Counts, *, now: datetime.datetime,
    tell: Progress, name: str,
) -> None:  # fmt: skip
    if material.protocol is None:
        raise InputError(
            "a description of items needs the protocol that has them",
            next_step="Name a run folder or the protocol's file.",
        )
    setting = croissant.Setting(
        creator=request.creator, license=request.license, url=request.url, with_texts=request.with_texts
    )
    croissant.check(material.protocol, setting)
    made.write(croissant.ITEMS, croissant.item_lines(material.protocol, with_texts=setting.with_texts))
    (items,) = made.files()
    document = croissant.description(material.protocol, setting, sha256=items.sha256, size=items.bytes)
    made.write("croissant.json", msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
    counts.losses += croissant.losses_of(material.protocol, setting)


def _score_table(
    made: Target, material: Material, request: Request, counts: _Counts, *, now: datetime.datetime,
    tell: Progress, name: str,
) -> None:  # fmt: skip
    from consilience.evaluation.exports.rows import open_rows
    from consilience.evaluation.exports.score_tables import write_score_table

    with open_rows(material, with_texts=False) as rows:
        count, losses = write_score_table(made, rows, name=name, format_=request.format)
    counts.rows = count
    counts.losses += losses


WRITERS: dict[str, Callable[..., None]] = {
    "every-eval-ever": _every_eval_ever,
    "hugging-face": _hugging_face,
    "cyclonedx": _cyclonedx,
    "croissant": _croissant,
    "csv": _score_table,
    "parquet": _score_table,
}
