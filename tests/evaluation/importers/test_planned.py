from pathlib import Path

import msgspec
from tests.evaluation.exercises import make_protocol
from tests.evaluation.importers.imports import NOW, OPTIONS, a_run, a_sink, scores_of

from consilience.evaluation.importers import writing
from consilience.evaluation.importers.imported import Options
from consilience.evaluation.importers.renaming import rename_raters
from consilience.evaluation.protocol import item_digest, protocol_digest


def test_rows_take_the_names_of_the_plan_and_the_rest_is_counted(tmp_path: Path) -> None:
    protocol = make_protocol(items=("q1", "q2", "q3"), languages=("en",))
    prompts = ("What is the capital of Kenya?", "Same words", "same  words")
    items = tuple(
        msgspec.structs.replace(item, prompt=prompt)
        for item, prompt in zip(protocol.items, prompts, strict=True)
    )
    protocol, known = msgspec.structs.replace(protocol, items=items), items[0]
    with a_sink() as sink:
        run = sink.add_run(a_run())
        for number, prompt in enumerate(["what is the CAPITAL of Kenya?", "Same words", "Another question"]):
            sink.add_score(run, str(number), rater="acc", score=1.0, item_digest=sink.add_prompt(prompt))
        rename_raters(sink, {"acc": "exact"})
        writing.settle(sink, OPTIONS, protocol)
        writing.write_scores(sink, OPTIONS, tmp_path / writing.SCORES)
        imported = writing.account(sink, OPTIONS, (), now=NOW, scores=None)
    (row,) = scores_of(tmp_path)
    assert (row["item"], row["language"], row["concept"]) == (known.id, known.language, known.concept)
    assert (row["rater"], row["rater_kind"], row["split"]) == ("exact", "program", known.split.value)
    assert row["item_digest"] == item_digest(known)
    assert row["protocol_digest"] == protocol_digest(protocol)
    assert {found.code for found in imported.findings} == {"not_planned", "planned_twice"}
    assert Options(exercise="e", laboratory="L").raters == {}
