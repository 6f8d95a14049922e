"""Whether a manifest and the scores beside it are of the same run, and the scores still what the run wrote.

Pure. Invariant: deviations are never looked for in the manifest of another run, and scores that were changed
after the run was sealed are never shown as its result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from consilience.errors import IncompatibleError, VerificationError, Where
from consilience.evaluation.merge_census import Group, shown
from consilience.evaluation.merge_inputs import Found
from consilience.evaluation.run_record import Manifest

SHORT = 19


def check_manifests(
    found: Found,
    manifests: Sequence[Manifest],
    digests: Mapping[Path, str],
    groups: Sequence[Group],
) -> None:
    """Hold every manifest against the score files of its own folder.

    Args:
        found: The files, scores in the order of the census' source numbers.
        manifests: In the order of `found.manifests`.
        digests: SHA-256 of each file, hexadecimal.
        groups: The census.

    Raises:
        VerificationError: A score file is not the one that the manifest names by its digest.
        IncompatibleError: The scores beside a manifest are of another laboratory or model.
    """
    for file, manifest in zip(found.manifests, manifests, strict=True):
        beside = [
            (number, scores)
            for number, scores in enumerate(found.scores)
            if scores.path.parent == file.path.parent
        ]
        for number, scores in beside:
            sealed = manifest.files.get(scores.path.name)
            if sealed is not None and sealed.removeprefix("sha256:") != digests[scores.path]:
                raise VerificationError(
                    f"these scores are not the ones that the run {shown(manifest.run)} wrote: their digest "
                    f"is sha256:{digests[scores.path][:12]}…, the manifest says {sealed[:SHORT]}…",
                    where=Where(file=scores.name),
                    next_step="Take the run's folder again from its laboratory, or give the same "
                    "`consilience exercise run` again: it writes the scores anew from answers and ratings.",
                )
            _check_names(manifest, scores.name, [group for group in groups if group.source == number])


def _check_names(manifest: Manifest, name: str, groups: Sequence[Group]) -> None:
    for word, planned, actual in (
        ("laboratory", manifest.laboratory, {group.laboratory for group in groups}),
        ("model", manifest.model, {group.model for group in groups}),
    ):
        if actual - {planned}:
            other = ", ".join(shown(value) for value in sorted(actual - {planned}))
            raise IncompatibleError(
                f"the manifest beside these scores is of the {word} {shown(planned)}, the scores are of "
                f"{other}",
                where=Where(file=name),
                next_step="Give the manifest of the same run, or the score file by itself in another folder.",
            )
