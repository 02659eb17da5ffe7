"""The site: every page can be found and named, every public name is in it, and its marks are true."""

import ast
import importlib
import inspect
import pkgutil
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from dask import delayed
from distributed import Client, LocalCluster

import fastrnn
from fastrnn import dask, datasets, inspection, interchange, training
from fastrnn.data import SequenceFiles

DOCS = Path(__file__).parent.parent / "docs"
sys.path.append(str(DOCS / "_ext"))
import capabilities  # noqa: E402
import pages  # noqa: E402

MADE = "_build", "gallery", "generated", "sg_execution_times.rst"
"""What Sphinx makes."""
PAGES = {
    path.relative_to(DOCS).with_suffix("").as_posix(): path
    for path in sorted(DOCS.rglob("*.rst"))
    if not {*path.relative_to(DOCS).parts} & {*MADE, "_templates", "_static", "_ext"}
}


# -------------------------------------------------------------------------------------------------- pages


def listed():
    """The pages that tables of contents name."""
    for name, path in PAGES.items():
        for entries in re.findall(r"^( *)\.\. toctree::\n((?:\1 +.*\n|\n)*)", path.read_text("utf-8") + "\n", re.M):
            for line in entries[1].splitlines():
                if (entry := line.strip()) and not entry.startswith(":"):
                    target = re.sub(r".*<(.*)>", r"\1", entry)
                    yield target.removeprefix("/") if target[0] == "/" else (Path(name).parent / target).as_posix()


def test_there_are_pages():
    assert {"index", "start", "choosing", "guide/index"} <= {*PAGES}


def test_every_page_is_in_a_table_of_contents():
    assert {*PAGES} - {*listed()} == {"index"}


def test_tables_of_contents_name_pages_that_are_there():
    made = {name for name in listed() if name.split("/")[0] == "gallery"}
    assert {*listed()} - made <= {*PAGES}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_begins_with_a_label_by_which_others_can_name_it(name):
    expected = "home" if name == "index" else name.replace("/", "-")
    lines = [line for line in PAGES[name].read_text("utf-8").splitlines() if line.strip()]
    first = next(line for line in lines if not re.match(r":[\w.]+:|\.\. (currentmodule|meta|\w+ *$)| ", line))
    assert first.replace("_", "-") == f".. _{expected}:".replace("_", "-")


@pytest.mark.parametrize("name", PAGES)
def test_every_picture_has_a_text_for_those_who_do_not_see_it(name):
    text = PAGES[name].read_text("utf-8") + "\n"
    for kind, body in re.findall(r"\.\. (image|figure):: (.*\n(?: +\S.*\n)*)", text):
        assert re.search(r"^ +:alt: \S.{9}", body, re.M), f"{kind} {body.splitlines()[0]}"


@pytest.mark.parametrize("name", PAGES)
def test_no_page_shows_markdown(name):
    """Two habits that Sphinx takes without a word, and shows as they are."""
    text = re.sub(r"(?m)^(>>>|\.\.\.).*$", "", PAGES[name].read_text("utf-8"))
    assert not re.search(r"^```|\]\(https?:|^#+ ", text, re.M)


# ------------------------------------------------------------------------------------------------ gallery

EXAMPLES = sorted((DOCS.parent / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_begins_with_a_title_and_has_a_place_in_the_gallery(path):
    title, line, *_ = ast.get_docstring(ast.parse(path.read_text("utf-8"))).splitlines()
    assert line == "=" * len(title)
    assert path.stem in pages.ORDER


# ------------------------------------------------------------------------------------------- public names


def public_names():
    """What `fastrnn` and its public modules list, each by the shortest path."""
    yield from (f"fastrnn.{name}" for name in fastrnn.__all__)
    for module in pkgutil.iter_modules(fastrnn.__path__):
        found = Path(fastrnn.__path__[0], module.name)
        source = (found / "__init__.py" if module.ispkg else found.with_suffix(".py")).read_text("utf-8")
        if "__all__" not in source or module.name in ("base", "kernels"):
            continue
        names = importlib.import_module(f"fastrnn.{module.name}").__all__
        yield from (f"fastrnn.{module.name}.{name}" for name in names if name not in fastrnn.__all__)


def referenced():
    """The names that pages of the reference have in tables or directives, each by its path."""
    for name, path in PAGES.items():
        module = ""
        for line in path.read_text("utf-8").splitlines() if name.startswith("api/") else ():
            if found := re.match(r"\.\. (?:(?:py:)?currentmodule|(?:py:)?module|automodule):: ([\w.]+)", line):
                module = found[1]
            if found := re.match(r" +~?([\w.]+) *$|\.\. (?:auto|py:)\w+:: ([\w.]+)", line):
                entry = found[1] or found[2]
                yield from (entry, f"{module}.{entry}")


def test_every_public_name_is_in_the_reference():
    assert sorted({*public_names()} - {*referenced()}) == []


# ------------------------------------------------------------------------------------------- capabilities

LENGTHS = 5, 3, 6, 4, 7, 3, 5, 6
LABELS = [k % 2 for k in range(8)]
RNG = np.random.RandomState(0)
REFUSALS = TypeError, ValueError, AttributeError


def numbers(channels=1, ragged=True):
    return [RNG.normal(size=(T if ragged else 5, channels)) for T in LENGTHS]


def tokens(*columns):
    return [RNG.randint(1, 4, size=(T, *columns)) for T in LENGTHS]


def targets(name, X):
    """What an estimator of this name can learn of sequences X."""
    if "Tagger" in name:
        return [np.arange(len(x)) % 2 for x in X]
    if "Transcriber" in name:
        return ["ab"[: k % 3] for k in range(len(X))]
    if "ToSequence" in name:
        return [np.arange(1 + k % 3) for k in range(len(X))]
    return LABELS if "Classifier" in name else [0.5 * k for k in range(len(X))]


def made(estimator, **options):
    if "Online" in estimator.__name__:
        return estimator(hidden_size=4, random_state=0, **options)
    own = {
        "SequenceForecaster": {"horizon": 1, "context": 2, "season": None, "linear_lags": 0},
        "SequenceToSequence": {"embedding_dim": None},  # numbers, unless told otherwise
    }.get(estimator.__name__, {})
    return estimator(**{"hidden_size": 4, "max_iter": 1, "random_state": 0, **own, **options})


def fitted(estimator, X=None, options=None, **more):
    """A tiny model, of X or of what this estimator reads."""
    name = estimator.__name__
    model = made(estimator, **(options or {}))
    if "Online" in name:
        if more:
            return model.fit(X, LABELS, **more)
        for x in X or numbers():
            for step in x:
                model.learn_one(dict(enumerate(map(float, step))), LABELS[0])
            model.reset()
        return model
    if X is None:
        X = {"SequenceGenerator": tokens(), "VectorToSequence": RNG.normal(size=(8, 3))}.get(name)
    if "Forecaster" in name:
        series = numbers() if X is None else X
        return model.fit([np.tile(x, (6, 1)) for x in series], **more)
    X = numbers() if X is None else X
    return model.fit(X, **more) if "Generator" in name else model.fit(X, targets(name, X), **more)


@cache
def default(estimator):
    return fitted(estimator)


def one_way(estimator):
    options = {"bidirectional": False, "method": "forecast"}
    return {name: options[name] for name in options if name in estimator().get_params()}


def try_lengths(estimator):
    fitted(estimator, tokens() if "Generator" in estimator.__name__ else numbers(3))


def try_channels(estimator):
    options = {"embedding_dim": None} if "Generator" in estimator.__name__ else {}
    fitted(estimator, np.stack(numbers(2, ragged=False)) if "Vector" in estimator.__name__ else numbers(2), options)


def try_tokens(estimator):
    fitted(estimator, tokens(), {"embedding_dim": 4})


def try_letters(estimator):
    fitted(estimator, tokens(3), {"embedding_dim": 4, "character_embedding_dim": 3})


def try_holes(estimator):
    X = [np.column_stack([np.arange(len(x)) ** 2, x]) for x in numbers(2)]
    for x in X:
        x[1:3, 1] = np.nan
    fitted(estimator, X, {"missing": "mask", "time_column": 0})


def try_categories(estimator):
    X = [np.column_stack([x, np.arange(len(x)) % 3]) for x in numbers()]
    assert fitted(estimator, X, {"categorical_features": [1]}).categories_[0].tolist() == [0, 1, 2]


def try_facts(estimator):
    fitted(estimator, static=np.arange(8.0)[:, np.newaxis])


def try_files(estimator):
    name = estimator.__name__
    X = tokens() if "Generator" in name else numbers()
    part = (X,) if "Generator" in name else (X, targets(name, X))
    model = made(estimator).fit(SequenceFiles.write("files", [part, part]))
    if hasattr(model, "score_samples"):
        assert len(model.predict(SequenceFiles("files"))) == 16
    else:
        assert isinstance(model.score(SequenceFiles("files")), float)


def try_weights(estimator):
    fitted(estimator, sample_weight=np.linspace(0.5, 1, 8))


def try_step_weights(estimator):
    fitted(estimator, sample_weight=[np.linspace(0.5, 1, T) for T in LENGTHS])


def try_class_weights(estimator):
    fitted(estimator, options={"class_weight": "balanced"})


def try_validation(estimator):
    name = estimator.__name__
    X = {"SequenceGenerator": tokens(), "VectorToSequence": RNG.normal(size=(8, 3))}.get(name, numbers())
    has_targets = "y_val" in inspect.signature(estimator.fit).parameters
    y = {"y_val": targets(name, X)} if has_targets else {}
    assert len(fitted(estimator, X, X_val=X, **y).validation_loss_curve_) == 1


def try_several(estimator):
    name, X = estimator.__name__, numbers()
    y = {"SequenceClassifier": [[k % 2, k % 3] for k in range(8)], "SequenceRegressor": [x[0].tolist() * 2 for x in X],
         "SequenceTagger": [np.ones((T, 2), int) for T in LENGTHS]}.get(name)  # fmt: skip
    if y is None:
        y = [np.ones((T, 2)) for T in LENGTHS]
        X = RNG.normal(size=(8, 3)) if name == "VectorToSequence" else X
    (row, *_) = made(estimator).fit(X, y).predict(X)
    *_, width = row.shape
    assert width == 2


def try_online(estimator):
    model, name = made(estimator), estimator.__name__
    if "Online" in name:
        model.learn_one({"x": 1.0}, 0)
        model.learn_one({"x": 2.0}, 1)
        return
    X = {"SequenceGenerator": tokens(), "VectorToSequence": RNG.normal(size=(8, 3))}.get(name)
    X = numbers() if X is None else X
    given = (X,) if "Generator" in name else (X, targets(name, X))
    first = model.partial_fit(*given).network_.theta.copy()
    assert (model.partial_fit(*given).network_.theta != first).any()


def try_probabilities(estimator):
    model = default(estimator)
    if "Online" in estimator.__name__:
        assert sum(model.predict_proba_one({0: 1.0}).values()) == pytest.approx(1)
    else:
        p = model.predict_proba(numbers())
        assert np.concatenate([np.atleast_2d(rows) for rows in p]).sum(axis=1) == pytest.approx(1, abs=1e-5)


def try_quantiles(estimator):
    if hasattr(estimator, "predict_interval"):
        lower, upper = np.moveaxis(np.asarray(default(estimator).predict_interval(0.8, 1)), -1, 0)
        assert (lower <= upper).all()
    else:
        fitted(estimator, options={"loss": "quantile", "quantile": 0.9})


def try_each_step(estimator):
    X = tokens() if "Generator" in estimator.__name__ else numbers()
    if "Online" in estimator.__name__:
        default(estimator).predict_one({0: 1.0})
        return
    if hasattr(estimator, "score_steps"):
        found = default(estimator).score_steps(X)
    elif "return_sequences" in estimator().get_params():
        model = made(estimator, return_sequences=True).fit(X, [x[:, 0] for x in X])
        found = model.predict(X)
    else:
        found = default(estimator).transform(X)
    if [len(rows) for rows in found] != [*LENGTHS]:
        raise ValueError("one for each sequence")


def try_features(estimator):
    assert len(default(estimator).transform(tokens() if "Generator" in estimator.__name__ else numbers())) == 8


def try_stream(estimator):
    model = fitted(estimator, options=one_way(estimator))
    if "Online" in estimator.__name__:
        model.predict_one({0: 1.0})
    else:
        model.stream().step(1 if "Generator" in estimator.__name__ else np.ones(1))


def try_onnx(estimator):
    if find_spec("onnx") is None:
        pytest.skip("onnx is not installed")
    assert interchange.to_onnx(default(estimator)).graph.node


def try_why(estimator):
    found = inspection.integrated_gradients(fitted(estimator), numbers())
    assert len(found.attributions) == len(numbers())


def try_pytorch(estimator):
    state = interchange.to_torch(default(estimator))
    interchange.from_torch(fitted(estimator), state)


def try_ensemble(estimator):
    model = made(estimator)
    given = numbers(), targets(estimator.__name__, numbers())
    assert len(fastrnn.SequenceEnsemble(model, 2).fit(*given).predict(numbers())) == 8


def try_early(estimator):
    X = numbers()
    clf = made(estimator).set_params(bidirectional=False, patch_length=1)
    model = fastrnn.EarlyClassifier(clf, cv=2).fit(X, targets(estimator.__name__, X))
    assert model.predict(X).shape == (8,)


def try_resume(estimator, file="run.safetensors"):
    data = {"X": RNG.normal(size=(8, 3))} if "Vector" in estimator.__name__ else {}
    data = data or {"X": tokens() if "Generator" in estimator.__name__ else numbers()}
    options = {"callbacks": [training.Checkpoint(file, every=1)]} if "Online" not in estimator.__name__ else {}
    whole = fitted(estimator, **data, options=options)
    again = fitted(estimator, **data, options=options, resume_from=file)
    assert (again.network_.theta == whole.network_.theta).all()


def try_starting(estimator):
    model = default(estimator)
    again = fitted(estimator, options={"init_from": model, "freeze": 1})
    assert (again.network_.encoder.recurrent.parameters["bias_hh_l0"] != 0).any()


def try_dask(estimator):
    on_dask, X = getattr(dask, f"Dask{estimator.__name__}"), numbers()
    with LocalCluster(n_workers=1, processes=False, dashboard_address=":0") as cluster, Client(cluster):
        y = [] if "Forecaster" in estimator.__name__ else [[delayed(targets(estimator.__name__, X))]]
        X = [delayed([np.arange(40.0), np.arange(50.0)])] if not y else [delayed(X)]
        model = on_dask(hidden_size=4, max_iter=1).fit(X, *y)
    assert type(model.to_local()) is estimator


TRIALS = {
    "Lengths": try_lengths, "Channels": try_channels, "Tokens": try_tokens, "Letters": try_letters, "Files": try_files,
    "Holes": try_holes, "Categories": try_categories, "Facts": try_facts, "Weights": try_weights,
    "Step weights": try_step_weights, "Classes": try_class_weights, "Continues": try_online,
    "Validation": try_validation, "Several": try_several, "Probabilities": try_probabilities,
    "Quantiles": try_quantiles, "Each step": try_each_step,
    "Features": try_features, "Stream": try_stream, "ONNX": try_onnx, "PyTorch": try_pytorch, "Resume": try_resume,
    "Starts from": try_starting, "Dask": try_dask, "Ensemble": try_ensemble, "Early": try_early, "Why": try_why,
}  # fmt: skip


def test_every_estimator_and_every_capability_is_tried():
    assert {capability.head for group in capabilities.GROUPS.values() for capability in group} == {*TRIALS}
    assert len(capabilities.ESTIMATORS) >= 9


@pytest.mark.parametrize("group", capabilities.GROUPS)
@pytest.mark.parametrize("estimator", capabilities.ESTIMATORS, ids=lambda estimator: estimator.__name__)
def test_a_mark_is_what_a_tiny_model_can_do(estimator, group, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for capability, holds in zip(capabilities.GROUPS[group], capabilities.table(group)[estimator], strict=True):
        trial = TRIALS[capability.head]
        if holds:
            trial(estimator)
        else:
            with pytest.raises(REFUSALS):
                trial(estimator)


def test_every_estimator_is_in_the_table_of_tasks():
    text = PAGES["choosing"].read_text("utf-8")
    for estimator in capabilities.ESTIMATORS:
        assert re.search(rf":class:`~fastrnn\.(online\.)?{estimator.__name__}`", text), estimator.__name__


# -------------------------------------------------------------------------------------------- shell lines

ROOT = DOCS.parent
CI = ROOT / ".ci" / "run"
README = (ROOT / "README.md").read_text("utf-8")
SHELL = "console", "sh"
QUOTING = {"guide/backpropagation", "guide/cells", "guide/readouts"}
"""Pages whose Python blocks are lines of the package, which `test_guide.py` looks for there."""
NOT_RUN = {'pip install -e ".[bench]" torch': "only measuring takes it, and a runner's figures tell nothing"}
"""Shell lines that neither CI nor the test below runs, and why."""


def blocks():
    """The blocks of code that are no doctests: page, language, text."""
    yield from (("README", *block) for block in re.findall(r"^```(\w*)\n(.*?)^```", README, re.M | re.S))
    directive = re.compile(r"^( *)\.\. [\w-]*code[\w-]*:: *(\S*)\n((?:\1 +.*\n|\n)*)", re.M)
    for name, path in PAGES.items():
        for indent, language, body in directive.findall(path.read_text("utf-8") + "\n"):
            yield name, language, re.sub(rf"(?m)^{indent}   ", "", body)


def shell_commands():
    """All that a reader is told to type, in blocks."""
    for _, language, body in blocks():
        lines = body.replace("\\\n", " ").splitlines() if language in SHELL else ()
        for line in lines:
            if line.strip() and (language != "console" or line.startswith("$ ")):
                yield from (part.strip() for part in re.sub(r" +# .*", "", line.removeprefix("$ ")).split("&&"))


def words(part):
    """A command without variables before it, what is done with its output, and options that only make it quiet."""
    try:
        found = shlex.split(re.split(r"2?>", part)[0], comments=True)
    except ValueError:  # a quote ends on another line
        return []
    while found and re.match(r"\w+=", found[0]):
        del found[0]
    return [word.partition("==")[0] for word in found if word not in ("-q", "-rs", "-W")]


@cache
def of_ci():
    """What CI runs, with the lines that it takes from the README."""
    script = CI.read_text("utf-8").replace("\\\n", " ")
    lines = script.splitlines()
    for name, pattern in re.findall(r"(\w+)=\$\(grep -m 1 -E '(.*?)' README\.md\)", script):
        assert f'bash -c "${name}"' in script
        lines.append(next(line for line in README.splitlines() if re.search(pattern, line)))
    return [words(part) for line in lines for part in re.split(r"&&|\|", line)]


def is_run_by_ci(command):
    """Whether CI does so, by a Python of its own if no folder is named."""
    name, *rest = words(command)
    return any(found[:1] != [] and found[1:] == rest and f"/bin/{found[0]}".endswith(f"/{name}") for found in of_ci())


def test_no_block_is_of_a_kind_that_nobody_runs():
    for page, language, _ in blocks():
        allowed = {*SHELL, "text", *(["python"] if page in ("README", *QUOTING) else ())}
        assert language in allowed, f"{page} has a block of {language!r}: make it a doctest"
    for name, path in PAGES.items():
        found = re.search(r"^(?! *\.\. ).*::\n\n +\S", path.read_text("utf-8"), re.M)
        assert not found, f"{name} has a block without a language"


@pytest.mark.parametrize("command", sorted({*shell_commands()}))
def test_a_shell_line_is_run_by_ci_or_here(command, tmp_path):
    found = words(command)
    if command in NOT_RUN:
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
        assert {*re.findall(r"\[([\w-]+)\]", command)} <= {*extras}
    elif found[:2] == ["python", "-m"] and found[2].startswith("benchmarks."):
        # It measures for minutes: that it takes these options is enough.
        importlib.import_module(f"{found[2]}.__main__").parse(found[3:])
    elif found[:3] == ["python", "-m", "fastrnn"]:
        options = dict(pairwise(found))
        if "forecast" in found:
            pytest.importorskip("pandas")
            pytest.importorskip("matplotlib")
            rows = (f"{month},{y:.0f}\n" for y, month in zip(*datasets.load_air_passengers(), strict=True))
            header = f"{options['--time']},{options['--target']}\n"
            (tmp_path / options["forecast"]).write_text(header + "".join(rows))
        done = subprocess.run([sys.executable, *found[1:]], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        for written in {"--out", "--plot"} & {*options}:
            assert (tmp_path / options[written]).stat().st_size
    elif found[0] == "export":
        done = subprocess.run(["bash", "-c", f"{command} && env"], capture_output=True, text=True, check=True)
        assert found[1] in done.stdout.splitlines()
    elif not CI.is_file():
        pytest.skip("an sdist has no .ci/run")
    else:
        assert is_run_by_ci(command), f"nobody runs {command!r}: .ci/run or this test must"


def test_what_is_not_run_is_there():
    assert {*NOT_RUN} <= {*shell_commands()}


@pytest.mark.skipif(not CI.is_file(), reason="an sdist has no .ci/run")
def test_ci_builds_the_site_as_the_readme_says():
    for command in re.search(r"^`(pip install .*?)`, and open", README, re.M)[1].split("&&"):
        assert is_run_by_ci(command), command
