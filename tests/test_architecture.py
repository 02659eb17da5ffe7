"""The package keeps its shape: imports go down the ranks, files stay short, nothing is pickled."""

import ast
import io
import re
import sys
import tokenize
import tomllib
from pathlib import Path

import pytest
from imports import Tree, check_ranks

PACKAGE = Tree(Path(__file__).parent.parent / "fastrnn", "fastrnn")
FILES = PACKAGE.files
module_name = PACKAGE.module_name

# Lowest first. A unit is a module, or a folder with all that is in it; it imports units of lower
# ranks only, and so never its neighbours.
RANKS = [
    ["kernels.__init__", "kernels.cpu"],
    ["kernels.compiling", "kernels.registers"],
    ["kernels.caching"],
    ["kernels.vectors", "wording"],
    ["kernels.subnormals"],
    ["kernels.tiles", "kernels.activations", "kernels.program", "kernels.rows", "tables"],
    ["kernels.steps", "kernels.softmax", "kernels.packing", "columns", "lists", "tokens"],
    [
        "kernels.rnn",
        "kernels.lstm",
        "kernels.gru",
        "kernels.losses",
        "kernels.gradient",
        "kernels.crf",
        "kernels.ctc",
        "kernels.attention",
        "kernels.attention_pooling",
        "kernels.rtrl",
        "kernels.words",
        "kernels.smoothing",
        "kernels.holes",
        "kernels.decay",
        "kernels.minimal",
        "kernels.layer_norm",
    ]
    + ["threads", "progress", "moments", "params"],
    ["kernels.mixtures", "kernels.rtrl_diagonal"],
    [
        "kernels.gru_reset_before",
        "kernels.gated",
        "kernels.slstm",
        "kernels.projection",
        "programs",
        "sequences",
        "losses",
    ],
    ["packing", "optimizers", "epochs", "frames", "holes", "kernels.noise", "versions"],
    ["layers", "storage", "decoding"],
    ["training", "streaming"],
    ["network", "records"],
    ["preprocessing"],
    ["data"],
    ["base", "metrics", "callbacks"],
    ["classifier", "regressor", "tagger", "transcriber", "forecaster", "generator", "seq2seq", "online"],
    ["early", "ensemble", "outliers"],
    ["inspection", "interchange", "saving", "datasets", "dask"],
    ["__init__"],
    ["command"],
    ["__main__"],
]
RANK_OF = {unit: rank for rank, units in enumerate(RANKS) for unit in units}


def code_lines(path):
    """Number of lines that hold code: no comment, docstring or blank line."""
    source = path.read_bytes()
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    silent |= {tokenize.ENCODING, tokenize.ENDMARKER}
    lines = set()
    for token in tokenize.tokenize(io.BytesIO(source).readline):
        if token.type not in silent:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            lines.difference_update(range(node.lineno, node.end_lineno + 1))
    return len(lines)


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_imports_go_down(path):
    check_ranks(PACKAGE, path, RANK_OF)


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_a_file_is_read_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < 500


IN_PARTS = "dask", "data", "base.files", "base.agreement", "ensemble"
"""Units that train on data in parts, or several members of one model; they have a bound of their own."""


def test_the_package_stays_small():
    lines = {True: 0, False: 0}
    for path in FILES:
        # With the dot: "data" is not "datasets".
        is_in_parts = f"{module_name(path)}.".startswith(tuple(f"{unit}." for unit in IN_PARTS))
        lines[is_in_parts] += code_lines(path)
    assert lines[False] < 18250 and lines[True] < 1060


def test_numba_comes_with_the_first_kernel():
    """It takes longer to import than the rest; `kernels.caching` has names for its modules."""
    names = ((module_name(path), name) for path in FILES for name in PACKAGE.imported_names(path, top_only=True))
    assert {module for module, name in names if name.startswith("numba")} == {"kernels.compiling", "kernels.registers"}


def test_no_file_is_a_place_for_leftovers():
    names = {part.strip("_") for path in FILES for part in module_name(path).split(".")}
    assert not names & {"util", "utils", "helper", "helpers", "common"}


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_nothing_is_pickled(path):
    tops = {name.split(".")[0] for name in PACKAGE.imported_names(path)}
    assert not tops & {"pickle", "cloudpickle", "dill"}
    assert "allow_pickle" not in path.read_text(encoding="utf-8")


GIVEN = {"dateutil", "river"}
"""Imported only where one of its objects, or its own tests, came in."""


def test_what_is_imported_is_declared():
    project = tomllib.loads((PACKAGE.folder.parent / "pyproject.toml").read_text())["project"]
    extras = sum(project["optional-dependencies"].values(), [])
    needed, optional = ({re.match(r"[\w-]+", line)[0] for line in lines} for lines in (project["dependencies"], extras))
    for path in FILES:
        always = set(PACKAGE.imported_names(path, top_only=True))
        for name in PACKAGE.imported_names(path):
            package = {"sklearn": "scikit-learn"}.get(top := name.split(".")[0], top)
            known = needed if name in always else needed | optional | GIVEN
            assert top in sys.stdlib_module_names or package in {*known, "fastrnn"}, (
                f"{module_name(path)} imports {top}, which pyproject.toml does not ask for"
            )


def test_the_reader_of_imports_sees_every_form(tmp_path):
    files = {
        "__init__.py": "",
        "threads.py": "def pool():\n    from . import base",
        "base.py": "import fastrnn.threads\nfrom fastrnn.kernels import lstm, missing\n"
        "from fastrnn import __version__\nimport numpy",
        "kernels/__init__.py": "",
        "kernels/lstm.py": "from ..threads import pool\nfrom .tiles import product",
        "kernels/tiles.py": '"""Two\nlines."""\n\n# why\nx = [\n    1,  # one\n]\n',
    }
    for name, source in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(source)
    tree = Tree(tmp_path, "fastrnn")
    seen = {name: tree.imported_modules(tmp_path / name) for name in files}
    assert seen["threads.py"] == ["base"]
    assert seen["base.py"] == ["threads", "kernels.lstm", "kernels.__init__", "__init__"]
    assert seen["kernels/lstm.py"] == ["threads", "kernels.tiles"]
    assert seen["kernels/tiles.py"] == []
    assert code_lines(tmp_path / "kernels/tiles.py") == 3
