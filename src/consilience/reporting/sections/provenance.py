"""Where it all comes from: runs, methods, how to cite, and the digests of every input.

Pure. Invariant: what was not measured is said to be so; nothing in the citation breaks out of BibTeX.
"""

from __future__ import annotations

import unicodedata
from typing import Any

import msgspec
from markupsafe import Markup

from consilience.evaluation.joint_result import RunSummary
from consilience.reporting import names, numbers
from consilience.reporting.messages import without_markup
from consilience.reporting.method_names import METHOD_NAMES
from consilience.reporting.sections.context import Context, title_in
from consilience.reporting.sections.plan import setting
from consilience.reporting.sections.view import DataTable, data_table

MAX_SETTINGS = 12
MAX_AUTHORS = 20
BIBTEX_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "%": r"\%",
    "#": r"\#",
    "&": r"\&",
    "_": r"\_",
}
BIBTEX_SPECIAL |= {"$": r"\$", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


class MethodNote(msgspec.Struct, frozen=True, kw_only=True):
    """One method with its reference."""

    name: Markup
    key: Markup
    reference: Markup


class Citation(msgspec.Struct, frozen=True, kw_only=True):
    """How to cite the result."""

    text: Markup
    bibtex: str


def run_table(context: Context) -> DataTable | None:
    """Return the runs, or None where there is none."""
    if not context.result.runs:
        return None
    voice = context.voice
    heads = [
        (voice.t("Laboratory"), False),
        (voice.t("Endpoint"), False),
        (voice.t("Time"), False),
        (voice.t("Sampling as sent"), False),
        (voice.t("Tokens in"), True),
        (voice.t("Tokens out"), True),
        (voice.t("CPU time"), True),
        (voice.t("Energy"), True),
    ]
    several = len(context.result.models) > 1
    if several:
        heads.insert(1, (voice.t("Model"), False))
    rows = [_run_row(context, run, several=several) for run in context.result.runs]
    return data_table("table-runs", voice.t("Runs, as their manifests tell"), heads, rows)


def _run_row(context: Context, run: RunSummary, *, several: bool) -> tuple[Markup, ...]:
    voice = context.voice
    absent = voice.t("not measured") if run.has_manifest else voice.t("no manifest")

    def told(value: float | None, kind: str) -> Markup:
        return absent if value is None else voice.write(kind, value)

    return (
        context.name(run.laboratory),
        *((context.name(run.model),) if several else ()),
        names.isolated(run.endpoint) if run.endpoint is not None else absent,
        _time(context, run),
        _sampling(context, run) if run.has_manifest else absent,
        told(run.prompt_tokens, "count"),
        told(run.completion_tokens, "count"),
        told(run.cpu_seconds, "seconds"),
        _energy(context, run),
    )


def _time(context: Context, run: RunSummary) -> Markup:
    voice = context.voice
    if run.started_at is None:
        return voice.t("not known") if run.has_manifest else voice.t("no manifest")
    if run.finished_at is None:
        return voice.t("from {start:date}, not complete", start=run.started_at)
    return voice.t("{start:date} to {end:date}", start=run.started_at, end=run.finished_at)


def _setting_value(value: Any) -> str | int | float | bool | None:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return msgspec.json.encode(value, order="sorted").decode()


def _energy(context: Context, run: RunSummary) -> Markup:
    voice = context.voice
    if run.energy_joules is None or not numbers.is_known(run.energy_joules):
        if not run.has_manifest:
            return voice.t("no manifest")
        return (
            voice.t("not measured: {note}", note=run.energy_note)
            if run.energy_note
            else voice.t("not measured")
        )
    told = names.left_to_right(numbers.integer(run.energy_joules, voice.style) + numbers.NO_BREAK_SPACE + "J")
    return voice.t("{energy} ({note})", energy=told, note=run.energy_note) if run.energy_note else told


def _sampling(context: Context, run: RunSummary) -> Markup:
    voice = context.voice
    if not run.sampling:
        return voice.t("no setting was sent")
    parts = []
    for key in sorted(run.sampling)[:MAX_SETTINGS]:
        value = run.sampling[key]
        told = setting(context, _setting_value(value))
        parts.append(voice.t("{key:field} {value}", key=f"sampling.{key}", value=told))
    return voice.t(", ").join(parts)


def method_notes(context: Context) -> list[MethodNote]:
    """Return every method that was used, with its reference."""
    return [
        MethodNote(
            name=context.voice.word("method", key) if key in METHOD_NAMES else Markup(""),
            key=names.isolated(key),
            reference=names.isolated(reference, limit=names.MAX_TEXT),
        )
        for key, reference in sorted(context.result.methods.items())
    ]


def software(context: Context) -> Markup:
    """Write the versions of the software that computed the result."""
    parts = [f"{name} {version}" for name, version in sorted(context.result.software.items())]
    return context.voice.listed([names.isolated(part) for part in parts])


def input_table(context: Context) -> DataTable:
    """Return every input with its whole digest."""
    voice = context.voice
    rows = [
        (
            names.isolated(file.name),
            voice.word("kind", file.kind),
            voice.listed([context.name(name) for name in file.laboratories]),
            context.count(file.rows) if file.kind == "scores" else voice.t("not a table"),
            names.left_to_right(numbers.data_size(file.bytes, voice.style)),
            Markup('<code class="digest">{}</code>').format(names.clean(file.sha256, limit=names.MAX_TITLE)),
        )
        for file in context.result.inputs
    ]
    return data_table(
        "table-inputs",
        voice.t("Every file that entered, with its digest"),
        [
            (voice.t("File"), False),
            (voice.t("Kind"), False),
            (voice.t("Laboratories"), False),
            (voice.t("Rows"), True),
            (voice.t("Size"), True),
            (voice.t("SHA-256"), False),
        ],
        rows,
    )


def citation(context: Context, result_digest: str) -> Citation:
    """Return the citation as a sentence and as BibTeX.

    Args:
        context: The result in one language.
        result_digest: Digest of the joint result.
    """
    voice, result = context.voice, context.result
    title = title_in(result.exercise.titles, voice.language, result.exercise.name)
    year = result.generated_at[:4] if result.generated_at[:4].isdigit() else ""
    text = voice.t(
        "{authors} ({year}). {title:text}. Joint report, Consilience {version}. Result {digest}.",
        authors=voice.listed([context.name(name) for name in result.laboratories]),
        year=year or voice.t("no date"),
        title=title,
        version=result.software.get("consilience", "?"),
        digest=Markup('<code class="digest">{}</code>').format(result_digest),
    )
    shown = [names.clean(name) for name in result.laboratories[:MAX_AUTHORS]]
    authors = " and ".join("{" + bibtex_text(name) + "}" for name in shown)
    if len(result.laboratories) > MAX_AUTHORS:
        authors += " and others"
    key = "".join(
        c for c in unicodedata.normalize("NFKD", result.exercise.name) if c.isascii() and c.isalnum()
    )[:40]
    count = len(result.laboratories)
    institution = without_markup(
        voice.tn("Joint exercise of {n:count} laboratory", "Joint exercise of {n:count} laboratories", count)
    )
    lines = [
        f"@techreport{{{key or 'consilience'}{year},",
        f"  author = {{{authors}}},",
        f"  title = {{{bibtex_text(names.clean(title, limit=names.MAX_TITLE))}}},",
        f"  institution = {{{bibtex_text(institution)}}},",
        f"  year = {{{year}}},",
        f"  note = {{{bibtex_text(result_digest)}}}",
        "}",
    ]
    return Citation(text=text, bibtex="\n".join(lines))


def bibtex_text(text: str) -> str:
    """Return text that stays inside a BibTeX field."""
    return "".join(BIBTEX_SPECIAL.get(character, character) for character in text)
