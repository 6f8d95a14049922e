"""Languages that are identified from prompts: alike for all runs of the same prompts, and said why not."""

from collections.abc import Sequence

from tests.evaluation.importers.imports import OPTIONS, a_run, a_sink

from consilience.evaluation.importers.languages import identify_languages
from consilience.evaluation.importers.sink import Sink


class Model:
    """Knows French by one word; what it does not know it takes for Swahili with little chance."""

    labels = frozenset({"fr", "sw"})

    def rank(self, text: str) -> list[tuple[str, float]]:
        """Languages and their chances."""
        return [("fr", 0.99)] if "pas" in text else [("sw", 0.3)]


def asked(sink: Sink, numbers: Sequence[int], text: str = "Ne dites pas cela", file: str = "f") -> int:
    """A run on prompts of these numbers."""
    run = sink.add_run(a_run(file=file, task=file))
    for number in numbers:
        digest = sink.add_prompt(f"{text} et encore une question numéro {number}")
        sink.add_score(run, str(number), rater="acc", score=1.0, item_digest=digest)
    return run


def found(sink: Sink) -> list[tuple[str | None, str]]:
    return [(run.language, run.language_basis) for run in sink.runs]


def test_the_language_is_identified_from_the_prompts_and_said_so() -> None:
    with a_sink() as sink:
        asked(sink, range(8))
        asked(sink, range(8), "Autre chose encore")
        identify_languages(sink, OPTIONS, Model())
        assert found(sink) == [("fr", "identified"), (None, "unknown")]
        assert [finding.code for finding in sink.findings()] == ["language_unknown"]


def test_a_run_on_a_few_of_the_same_prompts_has_the_same_language() -> None:
    with a_sink() as sink:
        asked(sink, range(3), file="few")
        asked(sink, range(20), file="all")
        asked(sink, range(10, 14), file="others")
        identify_languages(sink, OPTIONS, Model())
        assert found(sink) == [("fr", "identified")] * 3
        assert sink.findings() == ()


def test_a_single_common_prompt_does_not_join_two_languages() -> None:
    with a_sink() as sink:
        asked(sink, range(20))
        run = asked(sink, range(20), "Autre chose encore")
        digest = sink.add_prompt("Ne dites pas cela et encore une question numéro 0")
        sink.add_score(run, "x", rater="acc", score=1.0, item_digest=digest)
        identify_languages(sink, OPTIONS, Model())
        assert found(sink) == [("fr", "identified"), (None, "unknown")]


def test_too_few_prompts_are_said() -> None:
    with a_sink() as sink:
        asked(sink, range(4), file="few")
        none = sink.add_run(a_run(file="none"))
        sink.add_score(none, "q", rater="acc", score=1.0)
        told = sink.add_run(a_run(file="told"))
        sink.add_score(told, "q", rater="acc", score=1.0, language="sw")
        sink.add_run(a_run(file="empty"))
        identify_languages(sink, OPTIONS, Model())
        texts = {finding.file: finding.text for finding in sink.findings()}
    assert texts.keys() == {"few", "none"}
    assert "only 4 prompts" in texts["few"]
    assert "no prompts" in texts["none"]
