"""How recorded settings are named: the field, the name that a laboratory has, and numbers with their unit.

Pure. Names come from manifests and are hostile: whatever is not a word of ours is escaped and isolated.
"""

from __future__ import annotations

from markupsafe import Markup

from consilience.evaluation.joint_result import Attribution
from consilience.reporting.language_names import N_
from consilience.reporting.sections.context import Context

SETTINGS = {
    "started_at": N_("date of the start"),
    "weights": N_("weights"),
    "endpoint": N_("place where the model ran"),
    "finished": N_("completeness of the run"),
}
"""Settings that are no field of a deviation → words."""
LEVELS = {
    "not sent": N_("not sent"),
    "not used": N_("not used"),
    "left out": N_("left out"),
    "asked": N_("asked"),
    "none": N_("none"),
    "yes": N_("yes"),
    "no": N_("no"),
    "local": N_("local"),
}


def setting_words(context: Context, one: Attribution, name: str | None = None) -> Markup:
    """Write the name of a setting: of this one, or of another one of the same laboratories."""
    voice, field = context.voice, name if name is not None else one.setting
    if field in SETTINGS:
        return voice.t(SETTINGS[field])
    head, _, rest = field.partition(".")
    if head == "languages" and rest:
        return voice.t("language {language:language}", language=rest)
    if head == "software" and rest:
        return voice.t("software {name}", name=rest)
    return voice.word("field", field)


def level_words(context: Context, one: Attribution) -> Markup:
    """Write the name that counts as 1."""
    level = one.level or ""
    if level in LEVELS:
        return context.voice.t(LEVELS[level])
    return context.voice.write("setting", level)


def setting_value(context: Context, one: Attribution, value: float) -> Markup:
    """Write a setting that is a number."""
    if one.setting == "started_at":
        return context.voice.tn("day {n:count}", "day {n:count}", round(value))
    return context.voice.write("setting", int(value) if value.is_integer() else value)
