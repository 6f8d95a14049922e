from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import pytest

from consilience.evaluation.metering import (
    Meter,
    added_energy,
    machine_counters,
    not_measured,
    nvml_counters,
    rapl_counters,
)
from consilience.evaluation.run_record import Energy


def zone(tree: Path, folder: str, name: str, energy_uj: int, range_uj: int = 262_143_328_850) -> Path:
    place = tree / folder
    place.mkdir(parents=True)
    (place / "name").write_text(name + "\n")
    (place / "energy_uj").write_text(f"{energy_uj}\n")
    (place / "max_energy_range_uj").write_text(f"{range_uj}\n")
    return place


def test_packages_and_memory_are_counted_and_what_is_inside_is_not(tmp_path: Path) -> None:
    package = zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    core = zone(tmp_path, "intel-rapl:0:0", "core", 500_000)
    memory = zone(tmp_path, "intel-rapl:0:1", "dram", 0)
    board = zone(tmp_path, "intel-rapl:1", "psys", 0)
    (tmp_path / "intel-rapl").mkdir()
    zone(tmp_path, "intel-rapl-mmio:0", "package-0", 0)
    counters, reason = rapl_counters(tmp_path)
    assert [counter.name for counter in counters] == ["RAPL package-0", "RAPL dram"]
    assert reason == ""
    (package / "energy_uj").write_text("4500000")
    (memory / "energy_uj").write_text("250000")
    (core / "energy_uj").write_text("9999999")
    (board / "energy_uj").write_text("9999999")
    assert [counter.joules() for counter in counters] == [3.5, 0.25]


def test_a_counter_that_wraps_is_followed(tmp_path: Path) -> None:
    place = zone(tmp_path, "intel-rapl:0", "package-0", 900_000, range_uj=1_000_000)
    (counter,) = rapl_counters(tmp_path)[0]
    for reading in (950_000, 100_000, 400_000, 50_000):
        (place / "energy_uj").write_text(str(reading))
        joules = counter.joules()
    assert joules == pytest.approx(0.05 + 0.15 + 0.3 + 0.65)


@pytest.mark.parametrize("content", ["", "nothing", "1.5"])
def test_a_counter_that_is_no_number_is_not_used(tmp_path: Path, content: str) -> None:
    place = zone(tmp_path, "intel-rapl:0", "package-0", 1)
    (place / "energy_uj").write_text(content)
    assert rapl_counters(tmp_path) == ([], "this machine has no RAPL counter")


def test_no_tree_is_a_reason(tmp_path: Path) -> None:
    assert rapl_counters(tmp_path / "none") == ([], "this machine has no RAPL counter")


def test_a_counter_for_root_only_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0", 1)
    real = Path.read_text

    def read_text(self: Path, *arguments: Any, **named: Any) -> str:
        if self.name == "energy_uj":
            raise PermissionError(13, "Permission denied")
        return real(self, *arguments, **named)

    monkeypatch.setattr(Path, "read_text", read_text)
    counters, reason = rapl_counters(tmp_path)
    assert counters == []
    assert "root only" in reason


def meter(counters: Any = (), reason: str = "", model: Any = None) -> tuple[Meter, dict[str, float]]:
    now = {"wall": 100.0, "cpu": 10.0}
    made = Meter(
        clock=lambda: now["wall"], cpu=lambda: now["cpu"], model_cpu=model, counters=counters, reason=reason
    )
    return made, now


def test_a_meter_counts_from_its_start() -> None:
    model = {"cpu": 3.0}
    made, now = meter(model=lambda: model["cpu"])
    now |= {"wall": 107.5, "cpu": 11.25}
    model["cpu"] = 9.0
    reading = made.read()
    assert (reading.wall_seconds, reading.runner_cpu_seconds, reading.model_cpu_seconds) == (7.5, 1.25, 6.0)


def test_a_model_elsewhere_has_no_cpu_seconds() -> None:
    assert meter()[0].read().model_cpu_seconds is None
    assert meter(model=lambda: None)[0].read().model_cpu_seconds is None


def test_energy_without_a_counter_is_unknown_with_a_reason_and_never_zero() -> None:
    energy = meter(reason="this machine has no RAPL counter")[0].read().energy
    assert (energy.joules, energy.basis) == (None, "not measured")
    assert energy.reason == "this machine has no RAPL counter"


def test_energy_says_what_it_covers(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0", 0)
    place = zone(tmp_path, "intel-rapl:0:2", "dram", 0)
    counters, _ = rapl_counters(tmp_path)
    made, _ = meter(counters)
    (place / "energy_uj").write_text("2000000")
    energy = made.read().energy
    assert (energy.joules, energy.basis, energy.counter) == (2.0, "metered", "RAPL package-0, RAPL dram")
    assert "CPU packages and memory" in energy.boundary
    assert "other processes included" in energy.boundary


def test_a_counter_that_goes_away_makes_energy_unknown(tmp_path: Path) -> None:
    place = zone(tmp_path, "intel-rapl:0", "package-0", 0)
    made, _ = meter(rapl_counters(tmp_path)[0])
    (place / "energy_uj").unlink()
    energy = made.read().energy
    assert energy.joules is None
    assert "no longer" in energy.reason


class Library:
    """Stands for libnvidia-ml: two boards, the second without a counter."""

    def __init__(self) -> None:
        self.millijoules = 5000

    def nvmlInit_v2(self) -> int:
        return 0

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = 2
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: int, handle: Any) -> int:
        handle._obj.value = index + 1
        return 0

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: Any, value: Any) -> int:
        if handle.value == 2:
            return 3
        value._obj.value = self.millijoules
        return 0


def test_a_gpu_board_counts_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library()
    monkeypatch.setattr(
        Library, "nvmlDeviceGetCount_v2", lambda self, count: setattr(count._obj, "value", 1) or 0
    )
    counters, reason = nvml_counters(lambda _: library)  # type: ignore[arg-type,return-value]
    assert ([counter.name for counter in counters], reason) == (["NVML board 0"], "")
    library.millijoules = 7500
    assert counters[0].joules() == 2.5
    library.millijoules = 10
    assert counters[0].joules() is None, "the driver was loaded anew"


def test_a_board_without_a_counter_leaves_nvml_unused() -> None:
    assert nvml_counters(lambda _: Library()) == ([], "this machine has no NVML counter")  # type: ignore[arg-type,return-value]


def test_no_library_is_a_reason() -> None:
    def missing(_: str) -> ctypes.CDLL:
        raise OSError("no such file")

    assert nvml_counters(missing) == ([], "this machine has no NVML counter")


def test_the_counters_of_this_machine_are_there_or_a_reason_is() -> None:
    counters, reason = machine_counters()
    assert counters or reason


def test_energy_of_sessions_is_added_only_where_all_is_known() -> None:
    metered = Energy(joules=2.5, basis="metered", counter="RAPL package-0", boundary="b")
    assert added_energy([metered, metered]).joules == 5.0
    added = added_energy([metered, not_measured("no counter")])
    assert (added.joules, added.reason) == (None, "no counter")
    assert added_energy([]).joules is None
