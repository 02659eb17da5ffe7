"""Examples are pages of the gallery, and scripts: each has a title, says what it needs, and is told in cells."""

import ast
from pathlib import Path

import pytest

EXAMPLES = sorted(Path(__file__).parents[1].glob("examples/*.py"))


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.stem)
def text(request):
    return request.param.read_text()


def test_it_has_a_title_and_says_what_it_needs(text):
    lines = ast.get_docstring(ast.parse(text)).splitlines()
    assert lines[1] == "=" * len(lines[0]) and not lines[2]
    assert "You need " in " ".join(lines)


def test_it_is_told_in_cells(text):
    cells = text.split("\n# %%\n")
    assert len(cells) > 3
    assert all(cell.startswith("# ") for cell in cells[1:])


def test_it_runs_in_a_notebook_and_without_matplotlib(text):
    """No command line but `--short`, no file beside it, and matplotlib only where its absence is caught."""
    tree = ast.parse(text)
    at_top = {name.name for node in tree.body if isinstance(node, ast.Import) for name in node.names}
    at_top |= {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert not {name for name in at_top if name.startswith(("argparse", "matplotlib", "pandas"))}
    assert "__file__" not in text
