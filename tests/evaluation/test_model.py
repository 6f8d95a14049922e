from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.errors import ConsilienceError, InputError
from consilience.evaluation.model import (
    MAX_NAME_CHARS,
    ChatRequest,
    parse_model_spec,
    sampling_keys,
    without_query,
)


def test_a_url_needs_the_name_of_the_model() -> None:
    with pytest.raises(InputError, match="no name"):
        parse_model_spec("https://host/v1")
    spec = parse_model_spec("https://host:8443/v1/", model_name="org/model-7b")
    assert (spec.kind, spec.name, spec.sent_name) == ("endpoint", "org/model-7b", "org/model-7b")
    assert spec.url == "https://host:8443/v1"


def test_a_name_may_stand_before_the_url() -> None:
    spec = parse_model_spec("org/m@2024@http://127.0.0.1:8000/v1")
    assert (spec.name, spec.url) == ("org/m@2024", "http://127.0.0.1:8000/v1")
    assert parse_model_spec("a@http://h/v1", model_name="b").name == "b"


def test_local_is_the_packaged_weights_or_a_file() -> None:
    assert parse_model_spec("local:").weights is None
    assert parse_model_spec("local:").name == ""
    spec = parse_model_spec("local:folder/Some-Model.Q4.gguf")
    assert (spec.kind, spec.name, spec.weights) == ("local", "Some-Model.Q4", "folder/Some-Model.Q4.gguf")
    assert parse_model_spec("local:x.gguf", model_name="ours").name == "ours"


@pytest.mark.parametrize(
    "text", ["https://user:s3cret@host/v1", "m@https://s3cret@host/v1", "https://:s3cret@host/v1"]
)
def test_credentials_in_the_url_are_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InputError, match="credentials") as caught:
        parse_model_spec(text, model_name="m")
    assert "s3cret" not in str(caught.value)
    assert "--key-env" in str(caught.value)


@pytest.mark.parametrize(
    "text", ["sk-1234567890", "ftp://host/v1", "m@https://", "m@https://host:99999/v1", "m@http://h/v1#x", ""]
)
def test_what_names_no_endpoint_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_model_spec(text)
    assert "sk-1234567890" not in str(caught.value)


@pytest.mark.parametrize("name", ["a\nb", " x", "", "x" * (MAX_NAME_CHARS + 1), "a\x00"])
def test_unusable_names_are_refused(name: str) -> None:
    with pytest.raises(InputError):
        parse_model_spec(f"{name}@http://h/v1")


def test_a_name_at_the_limit_is_taken() -> None:
    assert parse_model_spec("x" * MAX_NAME_CHARS + "@http://h/v1").name == "x" * MAX_NAME_CHARS


def test_the_query_is_sent_and_not_shown() -> None:
    spec = parse_model_spec("m@https://host/v1?api-version=1&key=s3cret")
    assert spec.url == "https://host/v1?api-version=1&key=s3cret"
    assert spec.shown_endpoint == "https://host/v1"
    assert without_query("https://user:pw@host:1/v1?a#b") == "https://host:1/v1"


def test_only_keys_that_have_a_value_are_sent() -> None:
    assert sampling_keys(ChatRequest(messages=())) == {}
    request = ChatRequest(messages=(), temperature=0.0, top_p=0.9, max_tokens=5, stop=("\n",), seed=0)
    assert sampling_keys(request, "max_completion_tokens") == {
        "temperature": 0.0,
        "top_p": 0.9,
        "max_completion_tokens": 5,
        "stop": ["\n"],
        "seed": 0,
    }


@given(st.text(max_size=60), st.one_of(st.none(), st.text(max_size=20)))
def test_any_text_gives_a_specification_or_an_error_of_ours(text: str, name: str | None) -> None:
    try:
        spec = parse_model_spec(text, model_name=name)
    except ConsilienceError:
        return
    assert spec.kind == "local" or (spec.url or "").startswith("http")
