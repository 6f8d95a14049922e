"""A cluster that cannot be had is told in our words, and what was set for it is taken back."""

from __future__ import annotations

import importlib.util
import os
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from consilience.errors import MissingExtraError, PartnerError
from consilience.evaluation import merge_cluster
from consilience.evaluation.merge_cluster import LOOPBACK, open_cluster


class _Ray:
    """Stands for the module: remembers how it was started and stopped."""

    def __init__(self, fault: Exception | None = None, ip: str = LOOPBACK) -> None:
        self.fault, self.stopped = fault, 0
        self.options: dict[str, Any] = {}
        self.environment: dict[str, str] = {}
        self.util = SimpleNamespace(get_node_ip_address=lambda: ip)

    def is_initialized(self) -> bool:
        return False

    def init(self, address: str | None = None, **options: Any) -> Any:
        self.options, self.environment = {"address": address, **options}, dict(os.environ)
        os.environ["RAY_AUTH_MODE"] = "token"  # as Ray does
        if self.fault is not None:
            raise self.fault
        return SimpleNamespace(disconnect=self.shutdown)

    def shutdown(self) -> None:
        self.stopped += 1


@pytest.fixture(autouse=True)
def _no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ray._private.ray_constants", raising=False)
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        monkeypatch.delenv(name)


def _use(monkeypatch: pytest.MonkeyPatch, ray: _Ray) -> _Ray:
    monkeypatch.setitem(sys.modules, "ray", ray)  # type: ignore[arg-type]
    return ray


def test_a_cluster_is_started_on_loopback_without_reports_and_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ray = _use(monkeypatch, _Ray())
    before = dict(os.environ)
    with open_cluster(None, 3) as found:
        assert found is ray
        assert ray.stopped == 0
    assert ray.stopped == 1
    assert ray.options["address"] == "local"
    assert ray.options["_node_ip_address"] == LOOPBACK
    assert ray.options["include_dashboard"] is False
    assert ray.options["num_cpus"] == 3
    assert ray.environment["RAY_USAGE_STATS_ENABLED"] == "0"
    assert len(ray.environment["RAY_AUTH_TOKEN"]) == 64
    assert os.environ == before


def test_what_a_person_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = _use(monkeypatch, _Ray())
    monkeypatch.setenv("RAY_AUTH_TOKEN", "mine")
    with open_cluster(None, 1):
        assert ray.environment["RAY_AUTH_TOKEN"] == "mine"
    assert os.environ["RAY_AUTH_TOKEN"] == "mine"


def test_a_cluster_that_listens_further_is_stopped_and_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = _use(monkeypatch, _Ray(ip="192.0.2.7"))
    with pytest.raises(PartnerError, match="beyond the loopback"), open_cluster(None, 1):
        pass
    assert ray.stopped == 1


def test_where_ray_was_loaded_to_listen_further_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = _use(monkeypatch, _Ray())
    constants = SimpleNamespace(ENABLE_RAY_CLUSTER=True)
    monkeypatch.setitem(sys.modules, "ray._private.ray_constants", constants)  # type: ignore[arg-type]
    with pytest.raises(PartnerError, match="beyond the loopback"), open_cluster(None, 1):
        pass
    assert ray.options == {}


def test_a_cluster_that_does_not_start_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = _use(monkeypatch, _Ray(RuntimeError("/home/someone: no space")))
    with (
        pytest.raises(PartnerError, match="cannot be started: RuntimeError") as caught,
        open_cluster(None, 1),
    ):
        pass
    assert "someone" not in str(caught.value)
    assert ray.stopped == 1
    assert "RAY_AUTH_MODE" not in os.environ


def test_a_joined_cluster_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = _use(monkeypatch, _Ray())
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    with open_cluster("ray://head:1", 1):
        pass
    assert ray.options == {"address": "ray://head:1"}
    assert "RAY_AUTH_TOKEN" not in ray.environment
    assert ray.stopped == 1  # the connection, not the cluster


def test_a_cluster_that_cannot_be_joined_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    _use(monkeypatch, _Ray(ConnectionError("head:1")))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    with (
        pytest.raises(PartnerError, match="cannot be reached: ConnectionError"),
        open_cluster("ray://head:1", 1),
    ):
        pass
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match="client part"), open_cluster("ray://head:1", 1):
        pass


def test_a_long_folder_is_left_to_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    assert merge_cluster._local(1, "/tmp/cr-1")["_temp_dir"] == "/tmp/cr-1"
    assert "_temp_dir" not in merge_cluster._local(1, "/tmp/" + "x" * 60)
