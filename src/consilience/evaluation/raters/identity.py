"""What makes two raters the same: the digest of everything that can change a score.

Pure. The version of a rater covers its kind, program with the version of its implementation and of the data
it uses, options, prompts, parser, scale, sampling settings, guideline, and for a judge the model as it is
served. It does not cover the rater's id, nor which concepts and attempts it rates: two laboratories whose
raters would give the same scores have the same version. It enters every rating id.
"""

from __future__ import annotations

from typing import Any

import msgspec

from consilience.evaluation.protocol import Rater, RaterKind
from consilience.evaluation.raters.choice import CHOICE_VERSION
from consilience.evaluation.raters.label import LABEL_VERSION
from consilience.evaluation.raters.matching import CONTAINS_VERSION, EXACT_VERSION
from consilience.evaluation.raters.normalise import NORMALISATION_VERSION
from consilience.evaluation.raters.number import NUMBER_VERSION
from consilience.evaluation.raters.pattern import REGEX_VERSION
from consilience.evaluation.raters.refusal import REFUSAL_VERSION, lexicon_version
from consilience.records.canonical import canonical_bytes, digest

JUDGE_VERSION = "1"
"""Of how a judge is asked: delimiters, limits, seeds."""
SIMULATION_VERSION = "1"
"""Of how ratings are made up."""

_PROGRAM_VERSIONS = {
    "exact": EXACT_VERSION,
    "choice": CHOICE_VERSION,
    "number": NUMBER_VERSION,
    "regex": REGEX_VERSION,
    "contains": CONTAINS_VERSION,
}


def rater_version(
    rater: Rater, *, model: str | None = None, weights: str | None = None, revision: int = 1
) -> str:
    """Return the digest of a rater's definition.

    Args:
        rater: From the protocol.
        model: Of a judge: the name of the model that is served; the planned one if None.
        weights: Of a judge served from local weights: their digest.
        revision: Of a human rater: 1, or 2 and more where ratings of an earlier revision were replaced.

    Returns:
        `sha256:` and 64 hexadecimal digits over canonical JSON (RFC 8785).
    """
    definition: dict[str, Any] = {
        "kind": rater.kind.value,
        "scale": msgspec.to_builtins(rater.scale),
        "normalisation": NORMALISATION_VERSION,
    }
    if rater.kind is RaterKind.PROGRAM:
        definition |= {"program": rater.program, "options": dict(rater.options)}
        if rater.program == "refusal":
            definition["implementation"] = f"{REFUSAL_VERSION}/{lexicon_version()}"
        else:
            definition["implementation"] = _PROGRAM_VERSIONS.get(rater.program or "")
    elif rater.simulated:
        definition |= {"simulated": SIMULATION_VERSION, "options": dict(rater.options)}
    elif rater.kind is RaterKind.JUDGE:
        definition |= {
            "prompt": rater.prompt,
            "system_prompt": rater.system_prompt,
            "model": model or rater.model,
            "weights": weights,
            "temperature": rater.temperature,
            "max_tokens": rater.max_tokens,
            "parser": rater.parser,
            "implementation": f"{JUDGE_VERSION}/{LABEL_VERSION}",
        }
    else:
        definition |= {"guideline": rater.guideline, "revision": revision}
    return digest(canonical_bytes(definition))


def prompt_digest(rater: Rater) -> str | None:
    """Return the digest of what a rater is told (prompt and system prompt, or guideline), or None for a
    program and a simulated judge.
    """
    if rater.kind is RaterKind.PROGRAM or (rater.simulated and rater.kind is RaterKind.JUDGE):
        return None
    told = [rater.system_prompt, rater.prompt] if rater.kind is RaterKind.JUDGE else [rater.guideline]
    return digest(canonical_bytes(told))
