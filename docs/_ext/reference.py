"""The reference shows what is fastrnn's own; what estimators have from scikit-learn is named in one line."""

import inspect

KNOWN = (
    "get_params",
    "set_params",
    "set_output",
    "fit_transform",
    "fit_predict",
    "get_metadata_routing",
    "set_callbacks",
)
"""Methods of scikit-learn that its users look for, and the requests of metadata routing."""


def _is_elsewhere(member):
    """Whether a method or property was written in another package."""
    function = member.fget if isinstance(member, property) else inspect.unwrap(getattr(member, "__func__", member))
    return not (getattr(function, "__module__", None) or "fastrnn").startswith("fastrnn")


def skip(app, what, name, member, is_skipped, options):
    """Leave out what other packages document."""
    return True if what == "class" and callable(member) and _is_elsewhere(member) else None


def add_others(app, what, name, found, options, lines):
    """To a class's text, the methods that it has from scikit-learn."""
    if what != "class" or not hasattr(found, "get_params"):
        return
    others = [method for method in KNOWN if hasattr(found, method) and _is_elsewhere(getattr(found, method))]
    requests = [method for method in dir(found) if method.startswith("set_") and method.endswith("_request")]
    methods = ", ".join(f"``{method}``" for method in others + requests)
    lines += ["", ".. rubric:: From scikit-learn", "", f"It also has scikit-learn's {methods}.", ""]


def setup(app):
    app.connect("autodoc-skip-member", skip)
    app.connect("autodoc-process-docstring", add_others, priority=900)  # after numpydoc
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
