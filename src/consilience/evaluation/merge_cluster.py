"""A Ray cluster: one that is started on this machine, or one that is there and is joined.

Responsible for the cluster's beginning and end, and for saying in our words why there is none. Invariants: a
cluster that is started here listens on the loopback interface only, asks for a token, reports nothing to
anyone, keeps its logs where only this user can read them, and is stopped at the end.
"""

from __future__ import annotations

import functools
import importlib.util
import logging
import os
import secrets
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from consilience.errors import MissingExtraError, PartnerError

OBJECT_STORE_BYTES = 256 * 2**20
"""Shared memory of a cluster that is started here."""
LOOPBACK = "127.0.0.1"
MAX_FOLDER_CHARS = 40
"""Of the folder of a cluster that is started here; the paths of its sockets may not be longer than the system
allows. Where the folder for temporary files has a longer path, Ray uses a folder of its own."""
FAULTS = (ConnectionError, RuntimeError, ValueError, OSError, TimeoutError)
START_VARIABLES = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Nothing is reported; the node is one by itself, on the loopback interface."""
LEFT_VARIABLES = ("RAY_AUTH_MODE",)
"""What Ray itself sets when it starts a cluster."""


@contextmanager
def open_cluster(address: str | None, workers: int) -> Iterator[Any]:
    """Yield the module of Ray, with a cluster started on this machine, or joined.

    Args:
        address: `ray://HOST:PORT`; None: one on this machine, stopped at the end (or the one that this
            process is already part of, which is left as it is).
        workers: On this machine.

    Raises:
        MissingExtraError: Ray is not installed.
        PartnerError: The cluster cannot be started or reached.
    """
    with (
        _environment({} if address is not None else START_VARIABLES | {"RAY_AUTH_TOKEN": _token()}),
        tempfile.TemporaryDirectory(prefix="cr-", ignore_cleanup_errors=True) as folder,
    ):
        ray = _imported()
        if address is None and ray.is_initialized():
            yield ray
            return
        context = _joined(ray, address) if address is not None else _started(ray, workers, folder)
        try:
            if address is None:
                _check_loopback(alone=ray.util.get_node_ip_address() == LOOPBACK)
            yield ray
        finally:
            ray.shutdown() if address is None else context.disconnect()


def _imported() -> Any:
    try:
        import ray
    except ImportError:
        raise MissingExtraError(
            "the engine `ray` needs Ray, which is not installed", next_step="pip install 'consilience[ray]'"
        ) from None
    return ray


def _joined(ray: Any, address: str) -> Any:
    if importlib.util.find_spec("grpc") is None:
        raise MissingExtraError(
            "to join a cluster, Ray needs its client part", next_step="pip install 'ray[client]'"
        )
    try:
        with warnings.catch_warnings(category=UserWarning, action="ignore"):
            return ray.init(address)
    except FAULTS as error:
        raise PartnerError(
            f"the Ray cluster cannot be reached: {type(error).__name__}",
            next_step="Check its address, its token and its version of Ray.",
        ) from None


def _started(ray: Any, workers: int, folder: str) -> Any:
    constants = sys.modules.get("ray._private.ray_constants")
    _check_loopback(alone=not getattr(constants, "ENABLE_RAY_CLUSTER", False))
    logger = logging.getLogger("ray")
    level = logger.level
    logger.setLevel(logging.ERROR)  # Ray tells that it asks for a token
    try:
        return ray.init(**_local(workers, folder))
    except FAULTS as error:
        ray.shutdown()
        raise PartnerError(
            f"the Ray cluster on this machine cannot be started: {type(error).__name__}",
            next_step="Give the command again, or use `--engine duckdb`.",
        ) from None
    finally:
        logger.setLevel(level)


@functools.cache
def _token() -> str:
    """The token that the processes of a cluster show each other; Ray asks for it once in a process."""
    return secrets.token_hex(32)


def _local(workers: int, folder: str) -> dict[str, Any]:
    """Options of a cluster on this machine; its logs and sockets go into a folder that only this user can
    read."""
    return {
        **({"_temp_dir": folder} if len(folder) <= MAX_FOLDER_CHARS else {}),
        "address": "local",
        "log_to_driver": False,
        "num_cpus": workers,
        "include_dashboard": False,
        "object_store_memory": OBJECT_STORE_BYTES,
        "configure_logging": False,
        "_node_ip_address": LOOPBACK,
    }


def _check_loopback(*, alone: bool) -> None:
    if not alone:
        raise PartnerError(
            "a Ray cluster on this machine would listen beyond the loopback interface",
            next_step="Run the analysis by itself, where nothing has imported Ray before, or join a cluster "
            "with ray://HOST:PORT.",
        )


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment for a while; what a person has set stays."""
    before = {name: os.environ.get(name) for name in (*variables, *LEFT_VARIABLES)}
    os.environ.update({name: value for name, value in variables.items() if before[name] is None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
