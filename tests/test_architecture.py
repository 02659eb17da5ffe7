"""The package keeps its shape: imports go down the ranks, files stay short, nothing is pickled."""

import ast
import io
import re
import sys
import tokenize
import tomllib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "fastrnn"
FILES = sorted(PACKAGE.rglob("*.py"))

# Lowest first. A unit is a module, or a folder with all that is in it; it imports units of lower
# ranks only, and so never its neighbours. Imports inside functions count as well.
RANKS = [
    ["kernels.__init__", "kernels.cpu"],
    ["kernels.compiling", "kernels.registers"],
    ["kernels.caching"],
    ["kernels.vectors", "wording"],
    ["kernels.tiles", "kernels.activations", "kernels.parallel", "kernels.rows", "tables"],
    ["kernels.steps", "kernels.softmax", "columns", "lists"],
    [
        "kernels.rnn",
        "kernels.lstm",
        "kernels.gru",
        "kernels.gru_reset_before",
        "kernels.losses",
        "kernels.gradient",
        "kernels.crf",
        "kernels.attention",
    ]
    + ["kernels.rtrl", "threads", "progress", "moments", "sequences", "packing", "params", "optimizers"],
    ["kernels.gated", "losses", "frames"],
    ["layers", "storage", "decoding"],
    ["training", "streaming"],
    ["network", "records"],
    ["base", "preprocessing", "metrics"],
    ["classifier", "regressor", "tagger", "forecaster", "generator", "seq2seq", "online"],
    ["inspection", "interchange", "saving", "datasets"],
    ["__init__"],
    ["command"],
    ["__main__"],
]
RANK_OF = {unit: rank for rank, units in enumerate(RANKS) for unit in units}


def module_name(path):
    """Dotted path inside the package: 'kernels.lstm', 'datasets.__init__'."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def unit_of(module):
    """The module itself, or the outermost folder of RANKS that holds it."""
    parts = module.split(".")
    units = [".".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
    ranked = [unit for unit in units if unit in RANK_OF]
    assert ranked, f"fastrnn/{module.replace('.', '/')}.py has no rank: give it one in RANKS"
    return ranked[0]


def imported_names(path, top_only=False):
    """Absolute dotted names that a file imports, `from a import b` as 'a.b'; or only those without which it fails."""
    package = ("fastrnn", *path.relative_to(PACKAGE).parent.parts)
    tree = ast.parse(path.read_bytes())
    for node in tree.body if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            origin = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", None) == "Later" and not top_only:
            yield node.args[0].value


def imported_modules(path):
    """Modules of the package that a file imports, as `module_name` writes them."""
    return [resolve(name) for name in imported_names(path) if name.split(".")[0] == "fastrnn"]


def resolve(name):
    """The module that an imported name is, or that defines it."""
    parts = name.split(".")[1:]
    for depth in (len(parts), len(parts) - 1):
        place = PACKAGE.joinpath(*parts[: max(depth, 0)])
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                return module_name(file)
    pytest.fail(f"{name} is imported, but does not exist")


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
    importer = unit_of(module_name(path))
    for module in imported_modules(path):
        imported = unit_of(module)
        assert imported == importer or RANK_OF[imported] < RANK_OF[importer], (
            f"{importer} (rank {RANK_OF[importer]}) imports {imported} (rank {RANK_OF[imported]})"
        )


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_a_file_is_read_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < 500


def test_the_package_stays_small():
    assert sum(map(code_lines, FILES)) < 12000


def test_numba_comes_with_the_first_kernel():
    """It takes longer to import than the rest; `kernels.caching` has names for its modules."""
    importers = {module_name(path) for path in FILES for name in imported_names(path, True) if name.startswith("numba")}
    assert importers == {"kernels.compiling", "kernels.registers"}


def test_no_file_is_a_place_for_leftovers():
    names = {part.strip("_") for path in FILES for part in module_name(path).split(".")}
    assert not names & {"util", "utils", "helper", "helpers", "common"}


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_nothing_is_pickled(path):
    tops = {name.split(".")[0] for name in imported_names(path)}
    assert not tops & {"pickle", "cloudpickle", "dill"}
    assert "allow_pickle" not in path.read_text(encoding="utf-8")


GIVEN = {"dateutil", "river"}
"""Imported only where one of its objects, or its own tests, came in."""


def test_what_is_imported_is_declared():
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]
    extras = sum(project["optional-dependencies"].values(), [])
    needed, optional = ({re.match(r"[\w-]+", line)[0] for line in lines} for lines in (project["dependencies"], extras))
    for path in FILES:
        always = set(imported_names(path, top_only=True))
        for name in imported_names(path):
            package = {"sklearn": "scikit-learn"}.get(top := name.split(".")[0], top)
            known = needed if name in always else needed | optional | GIVEN
            assert top in sys.stdlib_module_names or package in {*known, "fastrnn"}, (
                f"{module_name(path)} imports {top}, which pyproject.toml does not ask for"
            )


def test_the_reader_of_imports_sees_every_form(tmp_path, monkeypatch):
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
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    seen = {name: imported_modules(tmp_path / name) for name in files}
    assert seen["threads.py"] == ["base"]
    assert seen["base.py"] == ["threads", "kernels.lstm", "kernels.__init__", "__init__"]
    assert seen["kernels/lstm.py"] == ["threads", "kernels.tiles"]
    assert seen["kernels/tiles.py"] == []
    assert code_lines(tmp_path / "kernels/tiles.py") == 3
