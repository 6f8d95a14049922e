from hypothesis import given
from hypothesis import strategies as st

from consilience.evaluation.exports.path_part import MAX_PART, RESERVED, part_of_path


@given(st.text(max_size=300))
def test_nothing_climbs_hides_or_is_reserved(text: str) -> None:
    part = part_of_path(text)
    assert part
    assert "/" not in part
    assert "\\" not in part
    assert not part.startswith(".")
    assert not part.endswith((".", " "))
    assert part.isascii()
    assert len(part) <= MAX_PART + 10
    assert part.partition(".")[0].lower() not in RESERVED


@given(st.text(max_size=12), st.text(max_size=12))
def test_two_names_never_meet(a: str, b: str) -> None:
    assert (part_of_path(a) == part_of_path(b)) == (a == b)


def test_a_plain_name_stays() -> None:
    assert part_of_path("Qwen3-32B.v1") == "Qwen3-32B.v1"
    assert part_of_path("con.txt").startswith("_con.txt-")
