"""How the gallery is made of `examples/`: which order, which arguments; which pages are wide; signatures of classes."""

from inspect import signature
from pathlib import Path

from sklearn.base import BaseEstimator

ORDER = [
    "japanese_vowels", "digits_row_by_row", "question_intent", "text_classification", "number_agreement", "sure_early",
    "few_labels", "adding_problem", "uneven_clocks", "categories_beside_numbers", "facts_beside_sequences",
    "stream_labels", "tag_names", "transcribe_digits", "binary_addition", "language_model", "pen_strokes",
    "dates_with_attention", "colour_in_words", "forecast_air_passengers", "forecast_intervals", "forecast_many_series",
    "forecast_holidays", "forecast_backtest", "online_drift", "search_settings", "search_on_dask", "train_on_dask",
    "resume_after_crash", "larger_than_memory", "odd_machines", "save_and_serve", "inspect_models", "explain_answers",
    "vanishing_gradients", "layers_by_hand",
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


def widen(app, doctree):
    """Pages that show two libraries side by side have no list of contents at their side."""
    if app.env.docname.startswith("coming_from/"):
        app.env.metadata[app.env.docname]["html_theme.sidebar_secondary.remove"] = "true"


def sign(app, what, name, obj, options, written, returns):
    """An estimator is called with what its `__init__` takes: Sphinx would show `__new__`, which only checks names."""
    if what == "class" and issubclass(obj, BaseEstimator):
        return str(signature(obj)), returns
    return None


def setup(app):
    app.connect("autodoc-process-signature", sign)
    app.connect("doctree-read", widen)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
