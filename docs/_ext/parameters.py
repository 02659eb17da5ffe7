"""What estimators' docstrings say of parameters: each is described once, and every page shows all that are its own.

`shared` finds what a docstring leaves to another class; `PLACES` says in which group of the page "Parameters" each
belongs.  Only `setup` and what it connects need Sphinx: `tests/test_docstrings.py` reads the rest.
"""

import inspect
import re
from itertools import pairwise
from typing import NamedTuple

import fastrnn
from fastrnn import layers, online

ESTIMATORS = [getattr(fastrnn, name) for name in fastrnn.__all__ if name.startswith(("Sequence", "Vector"))]
ESTIMATORS.remove(fastrnn.SequenceEnsemble)  # its parameters are its own
ESTIMATORS.sort(key=lambda estimator: (estimator.__name__ != "SequenceClassifier", estimator.__name__))
ONLINE = [getattr(online, name) for name in online.__all__]

PLACES = {
    "network": """cell hidden_size proj_size num_layers bidirectional nonlinearity bias dropout zoneout
        recurrent_dropout readout return_sequences crf attention embedding_dim target_embedding_dim embeddings
        freeze_embeddings character_embedding_dim character_hidden_size""",
    "data": """normalize_X normalize_y missing time_column categorical_features patch_length class_weight stateful
        max_length decoding beam_width method contamination horizon context season difference seasonal_difference
        smoothing log scaling linear_lags strategy calendar""",
    "training": """loss quantile quantiles n_components solver learning_rate_init learning_rate momentum
        nesterovs_momentum alpha batch_size max_iter shuffle clip_norm clip_value bptt_steps early_stopping
        scoring validation_fraction n_iter_no_change tol calibration shrinkage init_from freeze label_smoothing
        scheduled_sampling averaging warm_start""",
    "running": "dtype n_jobs random_state verbose callbacks",
}
GROUPS = {group: names.split() for group, names in PLACES.items()}

REST = re.compile(
    r"Parameters that are not listed here are those of `(\w+)`, with the same defaults\.".replace(" ", r"\s+")
)
"""How a docstring leaves parameters to another class."""


class Parameter(NamedTuple):
    """An entry of a docstring's Parameters."""

    names: list
    kind: str
    text: list
    """Lines, without their indentation."""

    @property
    def lines(self):
        return [f"{', '.join(self.names)} : {self.kind}", *(f"    {line}".rstrip() for line in self.text), ""]


def section(lines, title="Parameters"):
    """Where a section of numpydoc begins, after its underline, and where it ends; None without it."""
    heads = [k for k in range(len(lines) - 1) if lines[k].strip() and re.fullmatch(r"-{3,}", lines[k + 1])]
    for k, following in pairwise([*heads, len(lines)]):
        if lines[k] == title:
            return k + 2, following
    return None


def entries(lines):
    """The parameters that a docstring's lines describe."""
    found, place = [], section(lines)
    for line in lines[slice(*place)] if place else ():
        if line and not line[0].isspace():
            names, _, kind = line.partition(" : ")
            found.append(Parameter(names.split(", "), kind, []))
        elif found:
            found[-1].text.append(line.strip())
    return [Parameter(names, kind, "\n".join(text).rstrip().split("\n")) for names, kind, text in found]


def docstring(cls):
    return inspect.getdoc(cls).split("\n")


def shared(cls):
    """The class that describes what this one's docstring does not, or None."""
    if found := REST.search(inspect.getdoc(cls) or ""):
        places = inspect.getmodule(cls), layers, fastrnn
        return next(getattr(place, found[1]) for place in places if hasattr(place, found[1]))


def described(cls):
    """All parameters of a class by name, in the order of its signature, each with the class that describes it."""
    own = {name: (cls, entry) for entry in entries(docstring(cls)) for name in entry.names}
    other = described(shared(cls)) if shared(cls) else {}
    return {name: own.get(name) or other[name] for name in inspect.signature(cls).parameters}


def default(cls, name):
    value = inspect.signature(cls).parameters[name].default
    return repr(value).replace("'", '"')


def complete(lines, cls):
    """A class's docstring with what it leaves to another, so that its page has every parameter."""
    if not shared(cls):
        return lines
    first, last = section(lines)
    whole = []
    for name, (owner, entry) in described(cls).items():
        if name == entry.names[0] or owner is not cls and entry.names[0] not in inspect.signature(cls).parameters:
            whole += entry.lines
    text = "\n".join([*lines[:first], *whole, *lines[last:]])
    see = "Many of its parameters are shared with other estimators: :ref:`api-parameters` has them by group."
    return REST.sub(see if cls in ESTIMATORS else "", text).split("\n")


def defaults_of(name):
    """Who has a parameter, by its default: in text."""
    by_default = {}
    for cls in ESTIMATORS:
        if name in inspect.signature(cls).parameters:
            by_default.setdefault(default(cls, name), []).append(cls)
    has_all = sum(map(len, by_default.values())) == len(ESTIMATORS)
    if has_all and len(by_default) == 1:
        return f"Default: ``{next(iter(by_default))}`` in all estimators."
    parts = [f"``{value}`` in {listed(classes)}" for value, classes in by_default.items()]
    return f"Default: {'; '.join(parts)}."


def listed(classes):
    names = [f":class:`~fastrnn.{cls.__name__}`" for cls in classes]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def page(group):
    """The text of a group: a heading for each parameter, what it is, and who has it with which default."""
    lines = []
    for name in GROUPS[group]:
        tellers = {}
        for cls in ESTIMATORS:
            if name in inspect.signature(cls).parameters:
                owner, entry = described(cls)[name]
                tellers.setdefault((entry.kind.rsplit(", default=", 1)[0], *entry.text), []).append(owner)
        lines += [f".. _parameter-{name}:", "", name, "^" * len(name), ""]
        (kind, *text), _ = next(iter(tellers.items()))
        lines += [f"``{kind}``", "", *text, "", defaults_of(name), ""]
        others = [owners[0] for owners in list(tellers.values())[1:]]
        if others:
            lines += [f"It is a little different in {listed(list(dict.fromkeys(others)))}: see there.", ""]
    return lines


def setup(app):
    from docutils.statemachine import StringList
    from sphinx.util.docutils import SphinxDirective

    class Parameters(SphinxDirective):
        """``.. parameters:: network``"""

        required_arguments = 1

        def run(self):
            for cls in ESTIMATORS:
                self.env.note_dependency(inspect.getfile(cls))
            source = f"parameters: {self.arguments[0]}"
            lines = StringList(page(self.arguments[0]), source)
            return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)

    def merge(app, what, name, found, options, lines):
        if what == "class" and found.__doc__:
            lines[:] = complete(list(lines), found)

    app.add_css_file("api.css")
    app.add_directive("parameters", Parameters)
    app.connect("autodoc-process-docstring", merge, priority=100)  # before numpydoc
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
