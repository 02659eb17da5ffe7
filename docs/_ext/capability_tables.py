"""The directive ``capabilities``: a table of the marks that `capabilities` finds."""

import capabilities
from docutils import nodes
from sphinx.util.docutils import SphinxDirective


class mark(nodes.inline):  # noqa: N801 (docutils names its nodes so)
    """Yes or no: a sign for the eye, a word for those who have the page read to them."""


def enter_html(self, node):
    sign = "✓" if node["holds"] else "–"
    word = "yes" if node["holds"] else "no"
    self.body.append(f'<span class="capability {word}" role="img" aria-label="{word}" title="{word}">{sign}</span>')
    raise nodes.SkipNode


def enter_text(self, node):
    self.add_text("yes" if node["holds"] else "no")
    raise nodes.SkipNode


def enter_latex(self, node):
    self.body.append("yes" if node["holds"] else "no")
    raise nodes.SkipNode


class Capabilities(SphinxDirective):
    """``.. capabilities:: reads`` is the table of a group, with a list of what its columns mean."""

    required_arguments = 1

    def run(self):
        group = self.arguments[0]
        columns = capabilities.GROUPS[group]
        lines = [".. list-table::", "   :header-rows: 1", "   :class: capabilities", ""]
        lines += ["   * - Estimator", *(f"     - {column.head}" for column in columns)]
        for estimator, marks in capabilities.table(group).items():
            place = "fastrnn.online." if "online" in estimator.__module__ else "fastrnn."
            lines += [f"   * - :class:`~{place}{estimator.__name__}`", *(f"     - :mark:`{m:d}`" for m in marks)]
        lines += ["", *(f"* **{column.head}**: {column.meaning}" for column in columns)]
        self.env.note_dependency(capabilities.__file__)
        return self.parse_text_to_nodes("\n".join(lines) + "\n")


def mark_role(name, rawtext, text, lineno, inliner, options=None, content=()):
    return [mark(rawtext, "", holds=text == "1")], []


def setup(app):
    visitors = {"html": enter_html, "text": enter_text, "man": enter_text, "texinfo": enter_text, "latex": enter_latex}
    app.add_node(mark, **{name: (visit, None) for name, visit in visitors.items()})
    app.add_role("mark", mark_role)
    app.add_directive("capabilities", Capabilities)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
