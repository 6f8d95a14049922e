"""The joint report: one HTML file, drawn from a joint result and nothing else, and the folder of its data.

`render` is pure; `write_report` writes. Invariants: the same result in the same language gives the same bytes
(no clock, no random number); no script, no foreign host, no inline style, so that the strictest content
security policy holds (`default-src 'none'`, the one stylesheet allowed by its hash); everything that comes
from the result is escaped.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from consilience.errors import InputError, StoreError, Where
from consilience.evaluation.joint_result import JointResult
from consilience.records.canonical import canonical_bytes, digest
from consilience.reporting import names, numbers, palette
from consilience.reporting.messages import LANGUAGES, Catalogue
from consilience.reporting.sections.attribution import attribution_blocks
from consilience.reporting.sections.bayes import bayes_blocks
from consilience.reporting.sections.between import between_blocks
from consilience.reporting.sections.context import Context, title_in
from consilience.reporting.sections.corrections import correction_blocks
from consilience.reporting.sections.decisions import decision_blocks
from consilience.reporting.sections.failures import failure_view
from consilience.reporting.sections.gaps import gap_blocks
from consilience.reporting.sections.judges import agreement_tables, judge_blocks
from consilience.reporting.sections.plan import checklist, checklist_summary, deviation_lead, deviation_table
from consilience.reporting.sections.provenance import citation, input_table, method_notes, run_table, software
from consilience.reporting.sections.ranges import range_table
from consilience.reporting.sections.scores import score_blocks
from consilience.reporting.sections.severity import severity_blocks
from consilience.reporting.sections.summary import summary
from consilience.reporting.sections.ties import tie_blocks
from consilience.reporting.sections.variance import variance_blocks
from consilience.reporting.table_files import csv_bytes, json_bytes, write_tables, write_whole
from consilience.reporting.tables import Table, tables

MAX_LINK_BYTES = 1_000_000
"""Largest file that stands inside the page; a browser takes at most 2 MB of address. Larger ones: data
folder."""
MAX_PAGE_DATA_BYTES = 12_000_000
"""All files inside the page together."""


class Download(msgspec.Struct, frozen=True, kw_only=True):
    """One table as files: addresses inside the page, None where it is too large for that."""

    name: str
    description: str
    rows: str
    csv: str | None
    json: str | None
    folder_csv: str | None
    folder_json: str | None
    folder_parquet: str | None


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What `write_report` wrote."""

    report: Path
    sha256: str
    bytes: int
    data_folder: Path | None
    data_files: tuple[str, ...]


def result_digest(result: JointResult) -> str:
    """Return the digest of a joint result: SHA-256 of its canonical JSON (RFC 8785).

    Raises:
        InputError: A number in it is not finite, or an integer is too large for JSON.
    """
    return digest(canonical_bytes(result))


def render(
    result: JointResult,
    *,
    language: str = "en",
    data_folder: str | None = None,
    texts: Catalogue | None = None,
) -> str:
    """Return the report as one HTML document.

    Args:
        result: The joint result.
        language: Language of the report, `en` or `fr`; with `texts` any tag.
        data_folder: Path of the data folder relative to the page, if it will stand beside it.
        texts: A catalogue other than the packaged one.

    Raises:
        InputError: The language is not spoken, or the result has no canonical form.
    """
    if texts is None and language not in LANGUAGES:
        raise InputError(
            f"the report does not speak {names.clean(language)!r}",
            next_step=f"Choose one of {', '.join(LANGUAGES)}.",
        )
    told_digest = result_digest(result)
    result = as_read(result)
    context = Context(result, language, texts=texts)
    environment = _environment(context)
    style = _style(environment)
    return environment.get_template("joint_report.html").render(
        style=Markup(style),  # noqa: S704 - made from our own template and palette
        style_hash=_style_hash(style),
        result=result,
        digest=told_digest,
        data_folder=data_folder,
        whole=_data_link(_result_bytes(result), "application/json"),
        downloads=_downloads(context, tables(result), data_folder),
        top=summary(context, told_digest),
        citation=citation(context, told_digest),
        **_sections(context),
    )


def _sections(context: Context) -> dict[str, Any]:
    """What the sections of the template show, by the names that they use."""
    points = checklist(context)
    return {
        "scores": score_blocks(context),
        "language_gaps": gap_blocks(context, "language"),
        "model_gaps": gap_blocks(context, "model"),
        "between": between_blocks(context),
        "laboratory_gaps": gap_blocks(context, "laboratory"),
        "ties": {axis: tie_blocks(context, axis) for axis in ("laboratory", "language", "model")},
        "attributions": attribution_blocks(context),
        "variance": variance_blocks(context),
        "decisions": decision_blocks(context),
        "judges": judge_blocks(context),
        "corrections": correction_blocks(context),
        "agreement": agreement_tables(context),
        "severity": severity_blocks(context),
        "bayes": bayes_blocks(context),
        "failures": failure_view(context),
        "deviation_lead": deviation_lead(context),
        "deviations": deviation_table(context),
        "checklist": points,
        "checklist_summary": checklist_summary(context, points),
        "runs": run_table(context),
        "methods": method_notes(context),
        "ranges": range_table(context),
        "software": software(context),
        "inputs": input_table(context),
    }


def _style(environment: Environment) -> str:
    return environment.get_template("report.css").render(
        colours=Markup(palette.custom_properties()),  # noqa: S704 - constants of the palette
        paper_colours=Markup(palette.light_properties()),  # noqa: S704
        series=range(1, palette.SERIES + 1),
        tlp={slug(label): colour for label, colour in palette.TLP.items()},
        tlp_ground=palette.TLP_GROUND,
    )


def as_read(result: JointResult) -> JointResult:
    """Return the result as it is read from its JSON, so that 0 and 0.0 make no difference in the bytes."""
    return msgspec.json.decode(msgspec.json.encode(result), type=JointResult)


def slug(label: str) -> str:
    """Return the class of a TLP label: `tlp-amber-strict`."""
    return "tlp-" + label.removeprefix("TLP:").replace("+", "-").lower()


def _environment(context: Context) -> Environment:
    environment = Environment(
        loader=PackageLoader("consilience.reporting", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    voice = context.voice
    environment.globals.update(t=voice.t, tn=voice.tn, voice=voice, context=context)
    return environment


def _style_hash(style: str) -> str:
    """Return the source expression of the stylesheet (CSP Level 3, section 2.3.1)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


def _data_link(content: bytes, media_type: str) -> str | None:
    if len(content) > MAX_LINK_BYTES:
        return None
    return f"data:{media_type};charset=utf-8;base64,{base64.b64encode(content).decode()}"


def _downloads(context: Context, every: Sequence[Table], folder: str | None) -> list[Download]:
    room = MAX_PAGE_DATA_BYTES
    downloads = []
    for table in every:
        as_csv, as_json = csv_bytes(table), json_bytes(table)
        fits = room >= len(as_csv) + len(as_json)
        room -= (len(as_csv) + len(as_json)) if fits else 0
        beside = None if folder is None else f"{quote(folder)}/{table.name}"
        downloads.append(
            Download(
                name=table.name,
                description=table.description,
                rows=numbers.integer(len(table.rows), context.voice.style),
                csv=_data_link(as_csv, "text/csv") if fits else None,
                json=_data_link(as_json, "application/json") if fits else None,
                folder_csv=beside and f"{beside}.csv",
                folder_json=beside and f"{beside}.json",
                folder_parquet=beside and f"{beside}.parquet",
            )
        )
    return downloads


def _result_bytes(result: JointResult) -> bytes:
    return msgspec.json.format(msgspec.json.encode(result), indent=1)


def write_report(
    result: JointResult, path: Path, *, language: str = "en", data_folder: Path | None = None
) -> Written:
    """Write the report and, where asked for, the folder of its data.

    Args:
        result: The joint result.
        path: The HTML file.
        language: `en` or `fr`.
        data_folder: Folder for CSV, JSON and Parquet; None: no folder.

    Raises:
        InputError: See `render`.
        StoreError: Something cannot be written.
    """
    result = as_read(result)
    beside = None
    if data_folder is not None and data_folder.resolve().parent == path.resolve().parent:
        beside = data_folder.name
    page = render(result, language=language, data_folder=beside).encode("utf-8", "replace")
    files: list[Path] = []
    if data_folder is not None:
        files = write_tables(
            tables(result),
            data_folder,
            title=title_in(result.exercise.titles, "en", result.exercise.name),
            digest=result_digest(result),
            result=_result_bytes(result),
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, page)
    except OSError as error:
        raise StoreError(
            f"the report cannot be written: {getattr(error, 'strerror', None) or type(error).__name__}",
            where=Where(file=str(path)),
            next_step="Choose another place with --out, or make room.",
        ) from error
    return Written(
        report=path,
        sha256=digest(page),
        bytes=len(page),
        data_folder=data_folder,
        data_files=tuple(file.name for file in files),
    )
