"""`protocol check`: every check of a plan, and the verdict.

Responsible for running the checks in order and for the shape of the result. Pure but for the language
identifier.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from consilience.evaluation.findings import Finding, Findings, Severity
from consilience.evaluation.language_identification import LanguageModel, packaged_model
from consilience.evaluation.lint_files import lint_files
from consilience.evaluation.lint_items import lint_items
from consilience.evaluation.lint_languages import lint_languages
from consilience.evaluation.lint_leaks import lint_leaks
from consilience.evaluation.lint_plan import lint_plan
from consilience.evaluation.lint_targets import lint_targets
from consilience.evaluation.lint_tasks import lint_tasks
from consilience.evaluation.lint_translations import lint_translations
from consilience.evaluation.lint_view import LintView
from consilience.evaluation.planning import PilotVariances, PowerAnalysis, analyse_power
from consilience.evaluation.protocol import protocol_digest
from consilience.evaluation.protocol_file import ProtocolSource

Progress = Callable[[str, int, int], None]


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """What `protocol check --json` prints."""

    format: str = "consilience-protocol-check-1"
    file: str
    digest: str
    counts: dict[str, int]
    """Findings by severity, those not written out included."""
    not_shown: dict[str, int]
    """Code → findings that are counted and not written out."""
    findings: tuple[Finding, ...]
    power: PowerAnalysis

    @property
    def is_clean(self) -> bool:
        """Whether there are only notes."""
        return self.counts[Severity.ERROR] == 0 and self.counts[Severity.WARNING] == 0


def lint_protocol(
    source: ProtocolSource, *, model: LanguageModel | None = None, progress: Progress | None = None
) -> Findings:
    """Return the findings of every check.

    Args:
        source: A protocol with the places of its parts.
        model: The language identifier; None: the packaged one.
        progress: Told of every step.
    """
    tell = progress or (lambda _what, _done, _of: None)
    view = LintView(source)
    found = Findings()
    lint_plan(view, found)
    if source.protocol.tasks:
        lint_tasks(view, found)
        return found
    tell("checking items", 0, 4)
    lint_items(view, found)
    tell("checking translations", 1, 4)
    lint_translations(view, found)
    tell("checking targets", 2, 4)
    lint_targets(view, found)
    tell("checking for leaks", 3, 4)
    lint_leaks(view, found)
    identified = lint_languages(view, model or packaged_model(), found, tell)
    lint_files(view, identified, found)
    return found


def check_protocol(
    source: ProtocolSource,
    *,
    pilot: PilotVariances | None = None,
    model: LanguageModel | None = None,
    progress: Progress | None = None,
) -> CheckResult:
    """Return the findings and the power analysis of a protocol.

    Args:
        source: A protocol with the places of its parts.
        pilot: Variances from a pilot, for the power analysis.
        model: The language identifier; None: the packaged one.
        progress: Told of every step.
    """
    found = lint_protocol(source, model=model, progress=progress)
    power = analyse_power(source.protocol, pilot)
    _check_power(source, power, found)
    return CheckResult(
        file=source.label,
        digest=protocol_digest(source.protocol),
        counts=found.counts(),
        not_shown=found.not_shown(),
        findings=found.sorted(),
        power=power,
    )


def _check_power(source: ProtocolSource, power: PowerAnalysis, found: Findings) -> None:
    """Note where no planned comparison along an axis can see the wanted difference."""
    best: dict[tuple[str, str], int] = {}
    items: dict[tuple[str, str], int] = {}
    for row in power.rows:
        if row.items_needed is not None:
            key = (row.concept, row.axis)
            best[key] = min(best.get(key, row.items_needed), row.items_needed)
            items[key] = row.items
    for (concept, axis), needed in best.items():
        if items[concept, axis] < needed:
            found.add(
                Finding(
                    code="underpowered",
                    severity=Severity.WARNING,
                    file=source.label,
                    line=source.line("analysis", "wanted_difference"),
                    message=f"`{concept}`: a difference of {power.wanted_difference:g} between two "
                    f"{_PLURALS[axis]} needs {needed} "
                    f"evaluation items in each language; there are {items[concept, axis]}",
                    what_to_do=(
                        "Add items or attempts, or want a larger difference; `--pilot` replaces the "
                        "worst-case assumptions."
                    ),
                )
            )


_PLURALS = {"language": "languages", "model": "models", "laboratory": "laboratories"}
