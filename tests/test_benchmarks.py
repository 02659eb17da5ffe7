"""The benchmarks keep their shape, too: rooms whose imports go down, no circles, commands that their README names."""

import re
from graphlib import TopologicalSorter
from importlib.util import find_spec
from pathlib import Path

import pytest
from imports import Tree, check_ranks

ROOT = Path(__file__).parent.parent
TREE = Tree(ROOT / "benchmarks", "benchmarks")
FILES = TREE.files

# Lowest first; a room imports lower ones only.
RANKS = [["__init__"], ["measuring", "suite"], ["memory", "peers", "quality"], ["builds", "landscape", "promises"]]
RANK_OF = {unit: rank for rank, units in enumerate(RANKS) for unit in units}


@pytest.mark.parametrize("path", FILES, ids=TREE.module_name)
def test_imports_go_down(path):
    check_ranks(TREE, path, RANK_OF)


def test_no_room_has_a_circle():
    graph = {TREE.module_name(path): set(TREE.imported_modules(path)) for path in FILES}
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("path", FILES, ids=TREE.module_name)
def test_a_file_is_read_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < 500


def named_commands():
    """What the documents and the modules themselves tell a reader to run."""
    pages = [TREE.folder / "README.md", ROOT / "README.md", ROOT / "CONTRIBUTING.md", *FILES]
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
