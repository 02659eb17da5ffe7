"""The benchmarks keep their shape, too: rooms whose imports go down, no circles, commands that their README names."""

import ast
import re
from graphlib import TopologicalSorter
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from imports import Tree, check_ranks

from benchmarks.landscape import sizes, tables
from benchmarks.landscape.rows import name, size_row
from benchmarks.peers.targets import least_ratio
from benchmarks.promises import calls

ROOT = Path(__file__).parent.parent
TREE = Tree(ROOT / "benchmarks", "benchmarks")
FILES = TREE.files

# Lowest first; a room imports lower ones only.
RANKS = [["__init__"], ["measuring", "suite"], ["memory", "peers", "quality"], ["landscape", "promises"], ["builds"]]
RANK_OF = {unit: rank for rank, units in enumerate(RANKS) for unit in units}


@pytest.mark.parametrize("path", FILES, ids=TREE.module_name)
def test_imports_go_down(path):
    check_ranks(TREE, path, RANK_OF)


@pytest.mark.parametrize("path", FILES, ids=TREE.module_name)
def test_what_is_imported_is_there(path):
    """Of this project: a name that has moved would be found out by who runs the command."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] in ("benchmarks", "fastrnn"):
            spec = find_spec(node.module)
            defined = names_in(Path(spec.origin))
            for alias in node.names:
                assert alias.name in defined or find_spec(f"{node.module}.{alias.name}"), (node.module, alias.name)


def names_in(path):
    """What a module's text defines or imports at its top, also by names that are set within `if` and `try`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    stored = (n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    defined = (n.name for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.ClassDef)))
    imported = (a.asname or a.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for a in n.names)
    listed = (n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str))
    return {*stored, *defined, *imported, *listed}  # the last: of a module whose names come when they are asked for


def test_no_room_has_a_circle():
    graph = {TREE.module_name(path): set(TREE.imported_modules(path)) for path in FILES}
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("path", FILES, ids=TREE.module_name)
def test_a_file_is_read_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < 500


def named_commands():
    """What the documents and the modules themselves tell a reader to run."""
    docs = [path for path in (ROOT / "docs").rglob("*.rst") if not {"gallery", "generated"} & {*path.parts}]
    pages = [TREE.folder / "README.md", ROOT / "README.md", ROOT / "CONTRIBUTING.md", *docs, *FILES]
    found = (re.findall(r"-m (benchmarks[\w.]*\w)", page.read_text(encoding="utf-8")) for page in pages)
    return sorted({command for commands in found for command in commands})


@pytest.mark.parametrize("command", named_commands())
def test_a_command_that_is_named_exists(command):
    spec = find_spec(command)
    assert spec is not None
    assert spec.submodule_search_locations is None or find_spec(f"{command}.__main__")


def test_every_command_is_named_in_the_readme():
    text = (TREE.folder / "README.md").read_text(encoding="utf-8")
    for path in FILES:
        if '__name__ == "__main__"' in path.read_text(encoding="utf-8"):
            command = f"benchmarks.{TREE.module_name(path)}".removesuffix(".__main__")
            assert re.search(rf"-m {re.escape(command)}\b(?!\.)", text), command


def test_the_landscape_is_the_same_for_the_same_seed():
    drawn = sizes.draw(60, seed=1)
    assert drawn == sizes.draw(60, seed=1) != sizes.draw(60, seed=2)
    assert {(section, case.ragged is not None, case.cell) for section, case in drawn} == set(sizes.KINDS)
    for section, case in drawn:
        assert sizes.operations(section, case) <= sizes.LARGEST
        assert all(low <= getattr(case, size) <= high for size, (low, high) in sizes.RANGES.items())


def test_a_neighbour_is_larger_in_one_size_by_less_than_a_tenth():
    rng = np.random.default_rng(0)
    for _, case in sizes.draw(200, seed=3):
        if case.H < sizes.FROM_H:
            continue
        other, changed = sizes.neighbour(rng, case)
        differing = [size for size in sizes.RANGES if getattr(case, size) != getattr(other, size)]
        assert differing == [changed]
        assert 1 < getattr(other, changed) / getattr(case, changed) < 1.1
        assert (other.cell, other.ragged is None) == (case.cell, case.ragged is None)


def test_the_landscape_is_summed_up_and_its_worst_is_found():
    rows = [
        {**size_row(section, case), "seconds": {"fastrnn": 1.0, "peer": 2.0 + k}, "ratio": 2.0 + k}
        | {"of_floor_here": 0.5, "cores_busy_elsewhere": 0.0}
        for k, (section, case) in enumerate(sizes.draw(24, seed=0))
    ]
    found = {(s["section"], s["of"]): s for s in tables.summary(rows)}
    assert found["infer", "lstm"]["rows"] == 4 and found["infer", "equal"]["rows"] == 6
    assert found["train", "gru"]["met"] and found["train", "gru"]["quantiles"][0] > 9
    assert tables.worst_table(rows).count("\n") == 1 + tables.WORST
    assert name(rows[0]) in tables.worst_table(rows) and name(rows[-1]) not in tables.worst_table(rows)


class Stepper:
    """An estimator whose step is four calls, and whose epochs and fits are calls beside."""

    def set_params(self, callbacks):
        self.callbacks = callbacks

    def step(self):
        return abs(min(-1, max(0, -1)))

    def fit(self, X, y):
        list(map(abs, range(50)))
        for _ in range(calls.EPOCHS):
            sorted(range(9))
            for _ in range(len(X) // calls.BATCH):
                self.step()
            for callback in self.callbacks:
                callback(None)


def test_calls_are_those_of_steps_alone(monkeypatch):
    monkeypatch.setitem(calls.NETWORKS, "stepper", lambda n: (Stepper(), range(n), None))
    assert calls.measure("stepper") == {"network": "stepper", "calls": 4.0, "passed": True}


@pytest.mark.parametrize("section, cell, H, least", [("infer", "lstm", 256, 1.0), ("infer", "gru", 512, 0.95)])
def test_a_row_is_asked_what_its_size_allows(section, cell, H, least):
    assert least_ratio(section, cell, H) == least
