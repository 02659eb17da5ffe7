"""The guide quotes lines of the kernels beside their equations: they must still be there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
QUOTE = re.compile(r"^\.\. code-block:: python\n   :caption: (fastrnn/\S+)\n\n((?:   .+\n|\n)+)", re.M)


def quotes(page):
    """Files of the package that a page names, and the lines that it quotes of each."""
    found = QUOTE.findall((ROOT / "docs" / "guide" / page).read_text(encoding="utf-8"))
    return [(file, [line.strip() for line in text.splitlines() if line.strip()]) for file, text in found]


@pytest.mark.parametrize("page, least", [("cells.rst", 8), ("backpropagation.rst", 5), ("readouts.rst", 2)])
def test_quoted_lines_are_in_the_source(page, least):
    found = quotes(page)
    assert len(found) >= least
    for file, lines in found:
        source = [line.strip() for line in (ROOT / file).read_text(encoding="utf-8").splitlines()]
        for line in lines:
            assert line in source, f"{page} quotes a line that is not in {file}: {line}"


def test_what_the_quotes_are_of():
    files = {file for page in ("cells.rst", "backpropagation.rst") for file, _ in quotes(page)}
    kernels = "rnn", "lstm", "gru", "gru_reset_before", "minimal", "slstm", "layer_norm", "projection"
    assert files >= {f"fastrnn/kernels/{cell}.py" for cell in kernels}
