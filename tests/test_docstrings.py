"""What docstrings say of defaults is what signatures have; each public name is on a page, and has an example."""

import inspect
import re
import sys
from importlib import import_module
from pathlib import Path

import pytest

import fastrnn
from fastrnn import layers
from fastrnn.online import OnlineClassifier, OnlineRegressor

DOCS = Path(__file__).parent.parent / "docs"
sys.path.insert(0, str(DOCS / "_ext"))
import parameters  # noqa: E402

ESTIMATORS = [*parameters.ESTIMATORS, OnlineClassifier, OnlineRegressor]
PACKAGES = "callbacks dask data datasets inspection interchange layers metrics online preprocessing".split()
ELSEWHERE = {
    "fastrnn.early.EarlyStream", "fastrnn.forecaster.backtest.Backtest", "fastrnn.streaming.Stream",
    "fastrnn.training.Progress"}  # fmt: skip
"""What users hold without having imported it, and what callbacks are told."""


def documented(estimator):
    """Defaults by name, of the parameters that the docstring lists."""
    return {
        name: entry.kind.partition("default=")[2]
        for entry in parameters.entries(parameters.docstring(estimator))
        for name in entry.names
    }


def defaults(estimator):
    return {name: p.default for name, p in inspect.signature(estimator).parameters.items()}


def public():
    """All public names, with their modules."""
    found = {f"fastrnn.{name}" for name in fastrnn.__all__}
    for package in PACKAGES:
        module = import_module(f"fastrnn.{package}")
        names = getattr(module, "__all__", None) or [
            name for name, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
        ]  # fmt: skip
        found |= {f"{module.__name__}.{name}" for name in names}
    return found | ELSEWHERE


def value_of(name):
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)


def is_ours(method):
    return (getattr(method, "__module__", None) or "").startswith("fastrnn") and not method.__name__.startswith("_")


def shown():
    """The names on the pages of the reference."""
    found = set()
    for page in sorted((DOCS / "api").glob("*.rst")):
        module, is_listing = "", False
        for line in page.read_text(encoding="utf-8").splitlines():
            directive, _, name = line.partition(":: ")
            is_listing = directive == ".. autosummary::" or is_listing and line[:1] in ("", " ")
            if directive == ".. currentmodule":
                module = name
            elif directive == ".. py:data" or is_listing and re.fullmatch(r" +\w+", line):
                found.add(f"{module}.{(name or line).strip()}")
    return found


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_defaults_are_those_documented(estimator):
    actual, listed = defaults(estimator), documented(estimator)
    assert listed
    for name, text in listed.items():
        assert repr(actual[name]).replace("'", '"') == text or float(text) == actual[name], name


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_parameters_that_are_not_listed_are_the_classifiers(estimator):
    classifier, listed = defaults(fastrnn.SequenceClassifier), documented(estimator)
    for name, default in defaults(estimator).items():
        assert name in listed or default == classifier[name], name


@pytest.mark.parametrize("cls", [*ESTIMATORS, *(getattr(layers, name) for name in layers.__all__)])
def test_each_parameter_is_described(cls):
    assert [*parameters.described(cls)] == [*inspect.signature(cls).parameters]


@pytest.mark.parametrize("name", sorted(public()))
def test_each_entry_has_a_text(name):
    """Of those whose type is a set of choices, too, at which numpydoc does not look."""
    found = value_of(name)
    methods = [value for _, value in inspect.getmembers(found, inspect.isroutine) if is_ours(value)]
    for function in [found, *methods] if callable(found) else []:
        for entry in parameters.entries(parameters.docstring(function)):
            assert re.fullmatch(r'[A-Z"+].*\.', " ".join(entry.text)), (function, entry)


@pytest.mark.parametrize("cls", [*parameters.ESTIMATORS, layers.RNN, layers.GRU, layers.MinGRU, layers.SRU])
def test_a_page_has_all_parameters_in_their_order(cls):
    lines = parameters.complete(parameters.docstring(cls), cls)
    names = [name for entry in parameters.entries(lines) for name in entry.names]
    assert names == [*inspect.signature(cls).parameters]
    assert "not listed here" not in "\n".join(lines)


def test_each_parameter_of_an_estimator_is_in_one_group():
    grouped = [name for names in parameters.GROUPS.values() for name in names]
    assert sorted(grouped) == sorted({name for cls in parameters.ESTIMATORS for name in defaults(cls)})


@pytest.mark.parametrize("group", parameters.GROUPS)
def test_the_page_of_parameters_says_what_each_is_and_who_has_it(group):
    text = "\n".join(parameters.page(group))
    for name in parameters.GROUPS[group]:
        assert f".. _parameter-{name}:\n" in text
    assert text.count("Default: ``") == len(parameters.GROUPS[group])


def test_each_public_name_is_on_a_page_of_the_reference():
    assert shown() == public()


@pytest.mark.parametrize("name", sorted(public()))
def test_each_public_name_has_an_example(name):
    found = value_of(name)
    if callable(found):
        assert "\nExamples\n--------\n" in inspect.getdoc(found)
    else:
        assert name.rpartition(".")[2].isupper()  # a constant
