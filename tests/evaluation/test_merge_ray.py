"""Workers of a Ray cluster on this machine read the rows: the tables are those of the local engine, and what
fails is told with the file."""

from __future__ import annotations

import importlib.util
import json
import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from tests.evaluation.exercises import make_protocol, planned_rows, write_run
from tests.evaluation.score_tables import assert_same_tables
from tests.optional import optional
from tests.simulators.scores import Design, row, write, write_rows

from consilience.cli.exercise.analyse import command
from consilience.errors import ConsilienceError, IncompatibleError, InputError, PartnerError
from consilience.evaluation import merge_ray
from consilience.evaluation.merge import Merged, merge
from consilience.evaluation.merge_choice import PassSettings
from consilience.evaluation.merge_cluster import LOOPBACK, open_cluster
from consilience.evaluation.merge_engine import MEMORY_LIMIT, open_engine
from consilience.evaluation.merge_inputs import find_inputs


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    if importlib.util.find_spec("ray") is None:
        optional("ray")  # only then, since it imports: Ray reads its settings when it is imported
    with warnings.catch_warnings(), ExitStack() as stack:
        warnings.simplefilter("ignore")  # Ray leaves pipes of its processes to the garbage collector
        yield stack.enter_context(open_cluster(None, 2))


@pytest.fixture(autouse=True)
def _small_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge_ray, "MIN_PARTITION_ROWS", 1)


def _assert_same(left: Merged, right: Merged) -> None:
    assert_same_tables(left.tables, right.tables)
    assert (left.groups, left.files, left.doubled) == (right.groups, right.files, right.doubled)
    assert (left.other_rows, left.stand_in_splits) == (right.other_rows, right.stand_in_splits)
    assert (left.splits_overlap, left.protocol_digest) == (right.splits_overlap, right.protocol_digest)


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("attempts", [3, 21])
def test_the_tables_are_those_of_the_local_engine(tmp_path: Path, attempts: int) -> None:
    design = Design(
        laboratories=3, languages=2, items=20, attempts=attempts, raters=3, binary=False, unscored=0.1
    )
    paths = write(design, tmp_path / "scores")
    human = [
        row(
            laboratory=f"lab-0{k % 3}",
            concept="concept-0",
            item=f"item-{k:05d}",
            rater="h",
            rater_kind="human",
        )
        for k in range(9)
    ]
    human += human[:2]
    inputs = [*paths, write_rows(human, tmp_path / "human.csv")]
    local = merge(inputs)
    assert local.doubled == 2
    _assert_same(local, merge(inputs, engine="ray"))


@pytest.mark.usefixtures("cluster")
def test_protocol_splits_and_digests_are_looked_at_as_by_the_local_engine(tmp_path: Path) -> None:
    plan = make_protocol(items=("i1", "i2", "i3"), splits={"i3": "tuning"})
    for name in ("north", "south"):
        write_run(tmp_path / "runs" / name, plan, name)
    local = merge([tmp_path / "runs"])
    assert local.other_rows == 8
    assert local.tables.item_names == ("i1", "i2")
    _assert_same(local, merge([tmp_path / "runs"], engine="ray"))
    rows = [row(item=f"i{k}", split="tuning" if k % 2 else "evaluation", laboratory=lab)
            for k in range(4) for lab in "ab"]  # fmt: skip
    path = write_rows([*rows, row(item="i0", split="tuning", laboratory="c")], tmp_path / "s.parquet")
    local = merge([path])
    assert (local.splits_overlap, local.other_rows) == (1, 5)
    _assert_same(local, merge([path], engine="ray"))


def _changed_item(folder: Path) -> None:
    plan = make_protocol()
    rows = planned_rows(plan, "south")
    write_run(folder / "north", plan, "north")
    rows[0]["item_digest"] = "sha256:" + "0" * 64
    write_run(folder / "south", plan, "south", rows)


def _wrong_row(folder: Path) -> None:
    write_rows([row()], folder / "good.csv")
    write_rows([row(), row(item="i2", score=None)], folder / "bad.csv")


def _twice(folder: Path) -> None:
    write_rows([row()], folder / "one.parquet")
    write_rows([row(score=0.0), row(laboratory="other")], folder / "two.parquet")


def _cut(folder: Path) -> None:
    write_rows([row(item=f"i{k}") for k in range(500)], folder / "good.parquet")
    path = write_rows([row(item=f"i{k}", laboratory="x") for k in range(500)], folder / "cut.parquet")
    content = bytearray(path.read_bytes())
    content[4:400] = bytes(396)
    path.write_bytes(content)


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    ("build", "kind"),
    [
        (_changed_item, IncompatibleError),
        (_wrong_row, InputError),
        (_twice, IncompatibleError),
        (_cut, InputError),
    ],
)
def test_what_is_refused_is_told_as_by_the_local_engine(
    tmp_path: Path, build: Any, kind: type[ConsilienceError]
) -> None:
    build(tmp_path / "in")
    found = []
    for engine in ("duckdb", "ray"):
        with pytest.raises(kind) as caught:
            merge([tmp_path / "in"], engine=engine)
        found.append((type(caught.value), caught.value.problem()))
    assert found[0] == found[1]
    assert found[0][1]["detail"]


def _die(work: merge_ray.Work) -> None:
    os._exit(1)


def _stumble(work: merge_ray.Work) -> None:
    raise ZeroDivisionError("content of a row")


@pytest.fixture
def rows(cluster: Any, tmp_path: Path) -> Iterator[merge_ray.RayPass]:
    files = find_inputs([write_rows([row()], tmp_path / "lost.parquet")]).scores
    (tmp_path / "scratch").mkdir()
    with open_engine(tmp_path / "scratch", [file.path for file in files]) as engine:
        yield merge_ray.RayPass(cluster, engine, files, PassSettings(MEMORY_LIMIT, 2, with_plan=False))


@pytest.mark.parametrize(("task", "word"), [(_die, "WorkerCrashedError"), (_stumble, "RayTaskError")])
def test_a_worker_that_fails_is_told_with_its_files_and_no_content(
    rows: merge_ray.RayPass, monkeypatch: pytest.MonkeyPatch, task: Any, word: str
) -> None:
    monkeypatch.setattr(merge_ray, "RETRIES", 0)
    monkeypatch.setattr(merge_ray, "survey_files", task)
    with pytest.raises(PartnerError, match=f"lost.parquet: .*{word}") as caught:
        rows.census()
    assert "content" not in str(caught.value)


def test_a_worker_that_does_not_have_the_file_or_the_version_says_so(
    rows: merge_ray.RayPass, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge_ray, "__version__", "0.0.0")
    with pytest.raises(PartnerError, match="a worker has version"):
        rows.census()
    monkeypatch.undo()
    (tmp_path / "lost.parquet").unlink()
    with pytest.raises(InputError, match=r"lost\.parquet: a worker of the cluster does not find this file"):
        rows.census()


def test_files_are_shared_out_in_order_and_whole(cluster: Any, tmp_path: Path) -> None:
    paths = write(Design(laboratories=9, languages=1, items=2, attempts=1, raters=1), tmp_path)
    files = find_inputs(paths).scores
    with open_engine(tmp_path, list(paths)) as engine:
        rows = merge_ray.RayPass(cluster, engine, files, PassSettings(MEMORY_LIMIT, 2, with_plan=False))
        shares = rows._shares()
        assert [number for share in shares for number in share] == list(range(9))
        assert len(shares) > 2
        assert rows.partition_rows(10**7, 800) == 100
        assert rows.partition_rows(50, 800) == 50


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs /proc")
def test_the_cluster_listens_on_the_loopback_interface_only(cluster: Any) -> None:
    assert cluster.util.get_node_ip_address() == LOOPBACK
    family = _descendants(os.getpid())
    inodes = {
        target.removeprefix("socket:[").removesuffix("]")
        for pid in family
        for target in _targets(Path(f"/proc/{pid}/fd"))
    }
    listening = [
        line.split()[1].split(":")[0]
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[9] in inodes
    ]
    assert len(listening) >= 3
    assert set(listening) <= {"0100007F", "0000000000000000FFFF00000100007F", "0" * 24 + "01000000"}


def _targets(folder: Path) -> Iterator[str]:
    try:
        for link in folder.iterdir():
            yield str(link.readlink())
    except OSError:  # the process, or its file, is gone
        return


def _descendants(root: int) -> set[int]:
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    family, before = {root}, 0
    while len(family) > before:
        before = len(family)
        family |= {pid for pid, parent in parents.items() if parent in family}
    return family


def test_units_are_drawn_the_same(cluster: Any, tmp_path: Path) -> None:
    """The sample needs codes of all partitions: workers have the same."""
    design = Design(laboratories=4, languages=1, items=1_500, attempts=1, raters=2)
    paths = write(design, tmp_path)
    local, spread = merge(paths), merge(paths, engine="ray")
    assert local.tables.units.sampled
    assert np.unique(spread.tables.units.laboratory).size == 4
    _assert_same(local, spread)


@pytest.mark.usefixtures("cluster")
def test_the_command_gives_the_same_document(tmp_path: Path) -> None:
    write(Design(laboratories=3, languages=2, items=30, binary=False), tmp_path / "scores")
    documents = []
    for engine in ("duckdb", "ray"):
        done = CliRunner().invoke(command, [str(tmp_path / "scores"), "--engine", engine, "--json"])
        assert done.exit_code == 0, done.output
        document = json.loads(done.stdout)
        document.pop("generated_at")
        documents.append(document)
    assert documents[0] == documents[1]
