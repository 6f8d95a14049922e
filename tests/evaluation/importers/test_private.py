"""Settings that may be secrets are cut by the names of their keys."""

from pathlib import Path

import pytest
from tests.evaluation.importers.imports import a_run, a_sink, finish

from consilience.evaluation.importers.private import is_secret


@pytest.mark.parametrize(
    "name",
    [
        "api_key", "task_args.api_key", "apiKey", "model_args.OPENAI_API_KEY", "x-api-key", "token",
        "hf_token", "task_args.accessToken", "password", "passwd", "authorization", "headers.Authorization",
        "client_secret", "secret", "credentials", "cookie", "session-token", "auth",
    ],
)  # fmt: skip
def test_a_key_that_names_a_secret_is_one(name: str) -> None:
    assert is_secret(name, "abc")
    assert is_secret(name, 12345)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_tokens", 100), ("config.token_limit", 100), ("max_gen_toks", 100), ("reasoning_tokens", 5),
        ("add_bos_token", True), ("author", "Ann"), ("keyword", "x"), ("tokenizer", "gpt2"), ("monkey", "x"),
        ("task", "token classification"), ("secretary", "x"), ("dataset", "passwords"),
    ],
)  # fmt: skip
def test_numbers_of_tokens_and_other_words_are_none(name: str, value: str | int | bool) -> None:
    assert not is_secret(name, value)


@pytest.mark.parametrize(
    "value",
    ["pretrained=x,api_key=abcdefgh", "Bearer abcdefgh", "sk-abcdefghijklmnop1234", "token: 'abcdefgh'"],
)
def test_a_text_with_a_secret_inside_is_one(value: str) -> None:
    assert is_secret("arguments", value)


def test_no_secret_reaches_the_account_whether_told_at_once_or_later(tmp_path: Path) -> None:
    with a_sink() as sink:
        run = sink.add_run(a_run(settings={"task_args.api_key": "hidden-1", "shots": 5}))
        other = sink.add_run(a_run(model="b"))
        sink.change_run(other, sampling={"authorization": "hidden-2"}, settings={"url": "x?token=hidden-3"})
        for number in (run, other):
            sink.add_score(number, "q", rater="acc", score=1.0)
        imported, _ = finish(sink, tmp_path)
    assert imported.runs[0].settings == {"shots": 5}
    assert "hidden" not in repr(imported)
    told = [finding.text for finding in imported.findings if finding.code == "secret_left_out"]
    assert sorted(text.split()[2] for text in told) == ["authorization", "task_args.api_key", "url"]
