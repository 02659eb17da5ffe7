"""How the gallery is made of `examples/`: which order, which arguments, which titles; and which pages are wide."""

import re
from pathlib import Path

ORDER = [
    "japanese_vowels", "digits_row_by_row", "question_intent", "number_agreement", "sure_early", "adding_problem",
    "stream_labels", "binary_addition", "language_model", "dates_with_attention", "colour_in_words",
    "forecast_air_passengers", "forecast_intervals", "forecast_many_series", "forecast_backtest", "online_drift",
    "inspect_models", "vanishing_gradients", "layers_by_hand",
]  # fmt: skip
"""From the first that a newcomer reads to the last, task by task; new ones come after these until they have a place."""


class ExampleOrder:
    """A sort key for the files of the gallery, as sphinx-gallery asks for it."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, filename):
        stem = Path(filename).stem
        return (ORDER.index(stem) if stem in ORDER else len(ORDER), stem)

    def __repr__(self):
        return "<ExampleOrder>"  # without an address, which would be another configuration each time


def short_form(gallery_conf, script_vars):
    """The arguments that an example is run with."""
    return ["--short"]


def give_title(app, docname, source):
    """An example whose docstring has no heading gets its first sentence as one."""
    if not docname.startswith("gallery/") or docname.endswith("index"):
        return
    parts = re.split(r"^(\.\. _sphx_glr_.*:\n)", source[0], maxsplit=1, flags=re.M)
    if len(parts) < 3:
        return
    head, label, text = parts
    lines = text.lstrip("\n").split("\n")
    if len(lines) < 2 or re.fullmatch(r"([=\-~^#*])\1{2,}\s*", lines[1]) or lines[0].startswith(".."):
        return
    paragraph, _, rest = text.lstrip("\n").partition("\n\n")
    sentence, _, more = re.sub(r"\s*\n\s*", " ", paragraph).partition("  ")
    title = sentence.strip()
    source[0] = f"{head}{label}\n{title}\n{'=' * len(title)}\n\n{more.strip()}\n\n{rest}"


def widen(app, doctree):
    """Pages that show two libraries side by side have no list of contents at their side."""
    if app.env.docname.startswith("coming_from/"):
        app.env.metadata[app.env.docname]["html_theme.sidebar_secondary.remove"] = "true"


def setup(app):
    app.connect("doctree-read", widen)
    app.connect("source-read", give_title)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
