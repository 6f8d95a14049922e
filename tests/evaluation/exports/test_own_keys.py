from hypothesis import given
from hypothesis import strategies as st

from consilience.evaluation.exports.own_keys import PREFIX, of_own, own


@given(st.dictionaries(st.text(max_size=5), st.text(min_size=1, max_size=5)))
def test_texts_come_back(values: dict[str, str]) -> None:
    assert of_own(own(values)) == values


def test_what_says_nothing_is_left_out_and_zero_says_something() -> None:
    assert own({"a": None, "b": False, "c": "", "d": 0.0, "e": True, "f": 1 / 3}) == {
        f"{PREFIX}d": "0.0", f"{PREFIX}e": "true", f"{PREFIX}f": "0.3333333333333333",
    }  # fmt: skip


def test_foreign_keys_and_other_types_are_not_ours() -> None:
    assert of_own({"x": "1", PREFIX + "y": 2, PREFIX + "z": "3"}) == {"z": "3"}
    assert of_own(["consilience_z"]) == {}
