"""What a run consumes: CPU seconds, wall time, and energy where a counter exists. Nothing is estimated.

Counters: RAPL through the kernel's powercap tree (Linux `Documentation/power/powercap/powercap.rst`), NVML
`nvmlDeviceGetTotalEnergyConsumption` (millijoules since the driver was loaded). Invariants:
- energy is None with a reason where no counter can be read, never 0;
- a counter that wraps is followed, provided that `sample` is called more often than it wraps (tens of
  minutes at full load of a large package); the runner samples every few seconds;
- domains inside other domains (core, uncore in package) are not counted twice.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from consilience.evaluation.run_record import Energy

POWERCAP = Path("/sys/class/powercap")
PACKAGE = re.compile(r"intel-rapl:\d+")
INNER = re.compile(r"intel-rapl:\d+:\d+")
BOUNDARY = (
    "whole {domains} of the runner's machine, other processes included; a model served elsewhere is not in it"
)


class Counter(Protocol):
    """Something that counts joules."""

    name: str

    def joules(self) -> float | None:
        """Joules since the counter was opened, or None where it can no longer be read."""
        ...


class RaplDomain:
    """One domain of the powercap tree.

    Args:
        folder: Has `energy_uj`, `max_energy_range_uj` and `name`.

    Raises:
        OSError: It cannot be read (mostly: only root may).
        ValueError: It is not a number.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "energy_uj"
        self._range_uj = int((folder / "max_energy_range_uj").read_text())
        self.name = "RAPL " + (folder / "name").read_text().strip()
        self._last_uj = int(self._file.read_text())
        self._total_uj = 0

    def joules(self) -> float | None:
        """Joules since the start; a reading below the last one means that the counter wrapped."""
        try:
            now_uj = int(self._file.read_text())
        except (OSError, ValueError):
            return None
        step = now_uj - self._last_uj
        self._total_uj += step if step >= 0 else step + self._range_uj
        self._last_uj = now_uj
        return self._total_uj / 1e6


class NvmlBoard:
    """The energy counter of one NVIDIA board (Volta and later)."""

    def __init__(self, library: ctypes.CDLL, handle: ctypes.c_void_p, index: int) -> None:
        self._library = library
        self._handle = handle
        self.name = f"NVML board {index}"
        start = self._read()
        if start is None:
            raise OSError("this board has no energy counter")
        self._start_mj = start

    def _read(self) -> int | None:
        value = ctypes.c_ulonglong()
        failed = self._library.nvmlDeviceGetTotalEnergyConsumption(self._handle, ctypes.byref(value))
        return None if failed else value.value

    def joules(self) -> float | None:
        """Joules since the start."""
        now_mj = self._read()
        return None if now_mj is None or now_mj < self._start_mj else (now_mj - self._start_mj) / 1e3


def rapl_counters(folder: Path = POWERCAP) -> tuple[list[Counter], str]:
    """Open the RAPL domains of a powercap tree: packages, and memory beside them.

    Returns:
        The counters, and where there are none the reason.
    """
    try:
        zones = sorted(
            zone for zone in folder.iterdir() if PACKAGE.fullmatch(zone.name) or INNER.fullmatch(zone.name)
        )
    except OSError:
        return [], "this machine has no RAPL counter"
    counters: list[Counter] = []
    refused = False
    for zone in zones:
        try:
            name = (zone / "name").read_text().strip()
            wanted = name.startswith("package") if PACKAGE.fullmatch(zone.name) else name == "dram"
            if wanted:
                counters.append(RaplDomain(zone))
        except PermissionError:
            refused = True
        except (OSError, ValueError):
            continue
    if refused:
        return [], "the RAPL counter of this machine may be read by root only"
    return counters, "" if counters else "this machine has no RAPL counter"


def nvml_counters(load: Callable[[str], ctypes.CDLL] = ctypes.CDLL) -> tuple[list[Counter], str]:
    """Open the energy counters of the NVIDIA boards.

    Returns:
        The counters, and where there are none the reason.
    """
    try:
        library = load("libnvidia-ml.so.1")
        count = ctypes.c_uint()
        if library.nvmlInit_v2() or library.nvmlDeviceGetCount_v2(ctypes.byref(count)):
            return [], "NVML cannot be used"
        counters: list[Counter] = []
        for index in range(count.value):
            handle = ctypes.c_void_p()
            if not library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle)):
                counters.append(NvmlBoard(library, handle, index))
    except (OSError, AttributeError):
        return [], "this machine has no NVML counter"
    return counters, "" if counters else "this machine has no NVML counter"


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What was consumed from the start of a meter until now."""

    runner_cpu_seconds: float
    model_cpu_seconds: float | None
    wall_seconds: float
    energy: Energy


class Meter:
    """Measures one session of a run.

    Args:
        clock: Seconds, monotonic.
        cpu: CPU seconds of the runner's process.
        model_cpu: CPU seconds of the process of a local model; None where it runs elsewhere.
        counters: Energy counters that can be read.
        reason: Why there are none.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        cpu: Callable[[], float],
        model_cpu: Callable[[], float | None] | None = None,
        counters: Sequence[Counter] = (),
        reason: str = "",
    ) -> None:
        self._clock = clock
        self._cpu = cpu
        self._model_cpu = model_cpu
        self._counters = counters
        self._reason = reason
        self._wall_start = clock()
        self._cpu_start = cpu()
        self._model_start = (model_cpu() or 0.0) if model_cpu else 0.0

    def read(self) -> Reading:
        """Read all counters; call it every few seconds so that no wrap is missed."""
        model = self._model_cpu() if self._model_cpu else None
        return Reading(
            runner_cpu_seconds=round(self._cpu() - self._cpu_start, 3),
            model_cpu_seconds=None if model is None else round(max(0.0, model - self._model_start), 3),
            wall_seconds=round(self._clock() - self._wall_start, 3),
            energy=self._energy(),
        )

    def _energy(self) -> Energy:
        if not self._counters:
            return not_measured(self._reason or "no counter was looked for")
        joules = [counter.joules() for counter in self._counters]
        names = ", ".join(counter.name for counter in self._counters)
        if any(value is None for value in joules):
            return not_measured("a counter could no longer be read", counter=names)
        domains = " and ".join(sorted({_domain(counter.name) for counter in self._counters}))
        return Energy(
            joules=round(sum(value for value in joules if value is not None), 3),
            basis="metered",
            counter=names,
            boundary=BOUNDARY.format(domains=domains),
        )


def machine_counters(powercap: Path = POWERCAP) -> tuple[list[Counter], str]:
    """Open every energy counter of this machine that can be read; else say why there is none."""
    rapl, rapl_reason = rapl_counters(powercap)
    nvml, nvml_reason = nvml_counters()
    return [*rapl, *nvml], "; ".join(reason for reason in (rapl_reason, nvml_reason) if reason)


def not_measured(reason: str, *, counter: str | None = None) -> Energy:
    """Return the energy that is not known, with the reason."""
    return Energy(joules=None, basis="not measured", counter=counter, boundary="", reason=reason)


def added_energy(parts: Sequence[Energy]) -> Energy:
    """Add the energy of several sessions; one that was not measured makes the sum not measured."""
    missing = [part for part in parts if part.joules is None]
    if missing or not parts:
        return missing[-1] if missing else not_measured("no session was metered")
    last = parts[-1]
    return Energy(
        joules=round(sum(part.joules or 0.0 for part in parts), 3),
        basis="metered",
        counter=last.counter,
        boundary=last.boundary,
    )


def _domain(name: str) -> str:
    if name.startswith("NVML"):
        return "GPU boards"
    return "memory" if name.endswith("dram") else "CPU packages"
