"""The plan and what became of it: deviations from the protocol, and the checklist of the Network's practice.

Pure. Invariant: the checklist always has its twelve lines; a line that the result does not speak of is "not
assessed". The wording of the lines is ours, after reading notes of the practice of July 2026; the page says
so.
"""

from __future__ import annotations

import msgspec
from markupsafe import Markup

from consilience.evaluation.joint_result import Deviation, Value
from consilience.reporting import names
from consilience.reporting.language_names import N_
from consilience.reporting.sections.context import Context
from consilience.reporting.sections.view import DataTable, data_table

CHECKLIST_LINES: tuple[str, ...] = (
    N_("Construct and estimand are stated before the run"),
    N_("Judges are validated against humans on a representative sample"),
    N_("More than one judge, and their agreement is reported"),
    N_("The judge’s error is carried into the estimate"),
    N_("The number of items is justified by a power analysis"),
    N_("How the attempts of an item are aggregated is documented"),
    N_("Exploratory, tuning and evaluation items are separate sets"),
    N_("Logs of tasks and judges are kept, with their settings"),
    N_("Models, raters and items are interchangeable modules"),
    N_("A small pilot comes before the main run"),
    N_("Every result has its uncertainty"),
    N_("Transcripts are reviewed"),
)

STATE_CLASS = {"met": "good", "not met": "alarm", "not applicable": "plain", "not assessed": "notice"}
STATE_SIGN = {"met": "✓", "not met": "✗", "not applicable": "–", "not assessed": "?"}


class ChecklistRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the checklist."""

    number: int
    line: Markup
    state: Markup
    state_class: str
    sign: str
    evidence: Markup


def checklist(context: Context) -> list[ChecklistRow]:
    """Return the twelve lines with state and evidence."""
    voice = context.voice
    states = {
        "met": voice.t("met"),
        "not met": voice.t("not met"),
        "not applicable": voice.t("not applicable"),
        "not assessed": voice.t("not assessed"),
    }
    found = {point.line: point for point in context.result.checklist}
    rows = []
    for number, line in enumerate(CHECKLIST_LINES, start=1):
        point = found.get(number)
        state = point.state if point is not None else "not assessed"
        rows.append(
            ChecklistRow(
                number=number,
                line=voice.t(line),
                state=states[state],
                state_class=STATE_CLASS[state],
                sign=STATE_SIGN[state],
                evidence=voice.sentence(point.evidence)
                if point is not None
                else voice.t("The result does not speak of it."),
            )
        )
    return rows


def checklist_summary(context: Context, rows: list[ChecklistRow]) -> Markup:
    """Say how many lines are in which state."""
    voice = context.voice

    def count(state_class: str) -> int:
        return sum(row.state_class == state_class for row in rows)

    return voice.t(
        "{met:count} of {all:count} lines are met, {not_met:count} are not, {open:count} could not be "
        "assessed.",
        met=count("good"),
        all=len(rows) - count("plain"),
        not_met=count("alarm"),
        open=count("notice"),
    )


def setting(context: Context, value: Value) -> Markup:
    """Write a value of a protocol or manifest; digests are cut."""
    if isinstance(value, str) and value.startswith("sha256:"):
        return names.left_to_right(names.short_digest(value))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return names.left_to_right(context.voice.write("setting", value))
    return context.voice.write("setting", value)


def deviation_table(context: Context) -> DataTable | None:
    """Return the deviations, the major ones first; None where there is none."""
    if not context.result.deviations:
        return None
    voice = context.voice
    severities = {
        "major": voice.t("major"),
        "minor": voice.t("minor"),
        "unknown": voice.t("cannot be judged"),
    }
    order = list(severities)
    found = sorted(
        context.result.deviations, key=lambda d: (order.index(d.severity) % 3, d.laboratory, d.model, d.field)
    )
    several = len(context.result.models) > 1
    heads = [(voice.t("Laboratory"), False), (voice.t("Field"), False), (voice.t("Planned"), False)]
    heads += [(voice.t("As run"), False), (voice.t("Weight"), False)]
    if several:
        heads.insert(1, (voice.t("Model"), False))
    return data_table(
        "table-deviations",
        voice.t("What the manifests show other than the protocol says"),
        heads,
        [
            _deviation_row(context, deviation, severities[deviation.severity], several=several)
            for deviation in found
        ],
        classes=["flagged" if deviation.severity == "major" else "" for deviation in found],
    )


def _deviation_row(
    context: Context, deviation: Deviation, severity: Markup, *, several: bool
) -> tuple[Markup, ...]:
    head = [context.name(deviation.laboratory)]
    if several:
        head.append(context.name(deviation.model))
    return (
        *head,
        context.voice.word("field", deviation.field),
        setting(context, deviation.planned),
        setting(context, deviation.actual),
        severity,
    )


def deviation_lead(context: Context) -> Markup:
    """Say whether deviations could be computed at all, and for whom not."""
    voice, result = context.voice, context.result
    without = sorted({run.laboratory for run in result.runs if not run.has_manifest})
    without += [lab for lab in result.laboratories if lab not in {run.laboratory for run in result.runs}]
    if result.exercise.protocol_digest is None:
        return voice.t("Not known: there is no protocol to compare with.")
    head = voice.t("Computed from the manifests of the runs, not declared by the laboratories.")
    if not result.deviations and not without:
        return Markup(" ").join([head, voice.t("None was found.")])
    if without:
        told = voice.t("Not known for {laboratories}: no manifest.", laboratories=without)
        return Markup(" ").join([head, told])
    return head
