"""The page docs/explanation/validity.md: outcomes as tables. It holds no date and no time."""

from __future__ import annotations

from itertools import groupby

from consilience.reporting.range_words import RANGE_WORDS
from validation.study import COVERAGE, POWER, SEED, TYPE_I, Outcome

HEAD = """# Validity

Every interval and test, simulated over {designs} designs: how often the 95 % interval holds the truth, and
how often the test at 5 % rejects where there is nothing to find. `make validate` writes this page. Seed
{seed}; each design has a generator of its own, seeded by the seed and the design's name. "±" is one
Monte-Carlo standard error.

Coverage from 93 to 97 % (or rejection from 3 to 7 %) *holds*. *Conservative*: wider, or more cautious, than
it says. **Misses**: narrower, or rejecting more often, than it says. A method that does either has its range
of use in the first table. "Power" has no band: it says how often a true effect was seen. "No answer" counts
exercises in which the method declined, with its reason, and is not in the rates.
"""
MARKS = {"holds": "holds", "conservative": "*conservative*", "misses": "**misses**", "-": ""}
UNITS = {COVERAGE: "covers", TYPE_I: "rejects", POWER: "power"}


def page(outcomes: list[Outcome]) -> str:
    """Return the page as Markdown."""
    designs = len({(o.group, o.design) for o in outcomes})
    parts = [HEAD.format(designs=designs, seed=SEED), _ranges(outcomes)]
    for group, rows in groupby(outcomes, key=lambda o: o.group):
        parts.append(_table(group, list(rows)))
    return "\n".join(parts)


def _ranges(outcomes: list[Outcome]) -> str:
    lines = [
        "## Ranges of use",
        "",
        "| Method | Holds | Conservative | Misses | Range of use |",
        "|---|---|---|---|---|",
    ]
    for method in dict.fromkeys(o.method for o in outcomes):
        verdicts = [o.verdict for o in outcomes if o.method == method]
        counts = [verdicts.count(word) for word in ("holds", "conservative", "misses")]
        if not sum(counts):
            continue
        said = RANGE_WORDS[method] if method in RANGE_WORDS and counts[1] + counts[2] else "all designs below"
        lines.append(f"| `{method}` | {counts[0]} | {counts[1]} | {counts[2]} | {said} |")
    return "\n".join([*lines, ""])


def _table(group: str, rows: list[Outcome]) -> str:
    lines = [f"## {group}", "", "| Design | Method | What | Rate, % | ± | Exercises | No answer | |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for o in rows:
        rate = "–" if o.rate is None else f"{UNITS[o.kind]} {100 * o.rate:.1f}"
        error = "–" if o.error is None else f"{100 * o.error:.1f}"
        lack = o.replications - o.answered
        lines.append(
            f"| {o.design} | `{o.method}` | {o.quantity} | {rate} | {error} | {o.replications:,} "
            f"| {lack or ''} | {MARKS[o.verdict]} |"
        )
    return "\n".join([*lines, ""])
