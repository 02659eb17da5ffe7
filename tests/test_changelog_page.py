"""The site's page of changes is CHANGELOG.md, whatever forms of Markdown that has."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "docs" / "_ext"))
from changelog_page import CHANGELOG, HERE, as_rst, inline  # noqa: E402

MARKDOWN = """# Changelog

As [Keep a Changelog](https://keepachangelog.com/en/1.1.0/) has it.

## [0.2.0] - 2026-12-01

### Added
- `save`, `load`: models as files,
  which `load` reads; `x`s, a_ and 2 * 3 | 4, **soon**.
- `fit(X,
  y)` in one:
  - nested

[0.2.0]: https://example.org/0.2.0
"""
RST = r"""As `Keep a Changelog <https://keepachangelog.com/en/1.1.0/>`__ has it.


0.2.0 - 2026-12-01
------------------


Added
^^^^^

- ``save``, ``load``: models as files,
  which ``load`` reads; ``x``\ s, a\_ and 2 \* 3 \| 4, **soon**.
- ``fit(X, y)`` in one:

  - nested
"""


def test_each_form():
    found = "\n".join(map(inline, as_rst(MARKDOWN).splitlines()))
    assert [line for line in found.splitlines() if line] == [line for line in RST.splitlines() if line]


def test_the_changelog_itself():
    text = "\n".join(map(inline, as_rst(CHANGELOG.read_text("utf-8")).splitlines()))
    assert "``SequenceClassifier``" in text and "](" not in text and "\n#" not in text
    assert HERE in (CHANGELOG.parent / "docs" / "changelog.rst").read_text("utf-8")
