"""Promises 2, 3, 4, 6 and 8 of the estimators; 1 is in test_layers, 7 in test_bad_input."""

import shutil
from pathlib import Path

import numba
import numpy as np
import pytest
from samples import assert_same_bits, labelled, ragged, read_only, run_script, watch_parallel

import fastrnn
from fastrnn import SequenceClassifier, SequenceRegressor
from fastrnn.kernels import program as kernel
from fastrnn.network import sequence, training
from fastrnn.network.parts import CELLS, Encoder
from fastrnn.programs import Pass

TWO_THREADS = pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="numba may start one thread only")

# H is no multiple of the vector width, and work is enough to be shared between threads.
FORMS = {
    "lstm_last": {"cell": "lstm", "readout": "last", "bidirectional": True},
    "gru_cho": {"cell": "gru_reset_before", "readout": "max", "num_layers": 2},
    "gru_mean": {"cell": "gru", "readout": "mean", "num_layers": 2},
    "rnn_max": {"cell": "rnn", "readout": "max", "bidirectional": True, "num_layers": 2},
    "gru_concat": {"cell": "gru", "readout": "concat"},
    "mingru": {"cell": "mingru", "readout": "mean", "num_layers": 2},
    "minlstm": {"cell": "minlstm", "readout": "last", "bidirectional": True},
    "sru": {"cell": "sru", "readout": "max", "num_layers": 2},
    # Weights larger than the second-level cache, which the kernels treat differently.
    "lstm_wide": {"cell": "lstm", "readout": "max", "hidden_size": 420},
}
every_form = pytest.mark.parametrize("form", FORMS)


def data(form, n, n_classes=9):
    shortest = 20 if form.endswith("concat") else 10
    longest = 20 if form.endswith("concat") else 30
    return labelled(n, n_classes, shortest=shortest, longest=longest)


def classifier(form, **options):
    defaults = {"hidden_size": 33, "max_iter": 1, "batch_size": 64, "random_state": 0}
    return SequenceClassifier(**{**defaults, **FORMS[form], **options})


@pytest.fixture
def parallel(monkeypatch):
    return watch_parallel(monkeypatch.setattr)


# ------------------------------------------------ 2: a prediction's bits, in any company


@every_form
def test_a_prediction_has_the_same_bits_in_any_company(form):
    X, y = data(form, 300)  # more than one batch of `predict`
    clf = classifier(form).fit(X[:64], y[:64])
    expected = clf.predict_proba(X)
    for k in (0, 7, 255, 256, 299):
        assert_same_bits(clf.predict_proba([X[k]])[0], expected[k])
    rng = np.random.default_rng(1)
    for chosen in (rng.permutation(300), rng.permutation(300)[:17], np.arange(9, 300, 31)):
        assert_same_bits(clf.predict_proba([X[k] for k in chosen]), expected[chosen])
    if not form.endswith("concat"):
        beside = [x if k % 2 else x[: 1 + k % len(x)] for k, x in enumerate(X)]
        assert_same_bits(clf.predict_proba(beside)[1::2], expected[1::2])


def test_steps_have_the_same_bits_in_any_company():
    X = ragged(300, shortest=10, longest=30)
    y = [x[:, :2].cumsum(axis=0) for x in X]
    reg = SequenceRegressor(hidden_size=33, max_iter=1, return_sequences=True, random_state=0).fit(X, y)
    expected = reg.predict(X)
    for k in (0, 255, 256, 299):
        assert_same_bits(reg.predict([X[k]])[0], expected[k])
        begun = reg.predict([X[k][:5]])[0]  # what comes later is not seen
        assert_same_bits(begun, expected[k][:5])
    order = np.random.default_rng(1).permutation(300)
    assert_same_bits(reg.predict([X[k] for k in order]), expected[order])


@TWO_THREADS
@every_form
def test_predictions_do_not_depend_on_threads(form, parallel):
    X, y = data(form, 200)
    clf = classifier(form, n_jobs=1).fit(X, y)
    expected = clf.predict_proba(X)
    assert not parallel
    for n_jobs in (2, None, -1):
        assert_same_bits(clf.set_params(n_jobs=n_jobs).predict_proba(X), expected)
    assert len(parallel) >= 3


# ------------------------------------------------------- 3: same seed, same bits of a fit

FITS = {
    "lstm": lambda **o: classifier("lstm_last", dropout=0.3, **o),
    "gru": lambda **o: classifier("gru_mean", dropout=0.3, bidirectional=True, **o),
    "rnn": lambda **o: classifier("rnn_max", dropout=0.3, nonlinearity="relu", **o),
    "concat": lambda **o: classifier("gru_concat", dropout=0.3, **o),
    "sru": lambda **o: classifier("sru", dropout=0.3, **o),
    "early_stopping": lambda **o: classifier("gru_mean", early_stopping=True, max_iter=2, **o),
    "lbfgs": lambda **o: classifier("gru_mean", solver="lbfgs", max_iter=2, **o),
}


@TWO_THREADS
@pytest.mark.parametrize("name", FITS)
def test_a_fit_has_the_same_bits_with_any_n_jobs(name, parallel):
    X, y = data(name, 200)
    one = FITS[name](n_jobs=1).fit(X, y)
    assert not parallel
    two = FITS[name](n_jobs=2).fit(X, y)
    assert parallel
    again = FITS[name]().fit(X, y)
    for other in (two, again):
        assert_same_bits(other.network_.theta, one.network_.theta)
        assert other.loss_curve_ == one.loss_curve_
    assert FITS[name](random_state=1).fit(X, y).loss_curve_ != one.loss_curve_


@TWO_THREADS
@pytest.mark.parametrize("options", [{"return_sequences": True, "dropout": 0.2}, {"embedding_dim": 5}], ids=str)
def test_a_regressor_fit_has_the_same_bits_with_any_n_jobs(options, parallel):
    X = ragged(200, shortest=10, longest=30)
    y = [x[:, 0] for x in X] if "return_sequences" in options else [x.sum() for x in X]
    if "embedding_dim" in options:
        X = [(x[:, 0] > 0).astype(int) for x in X]
    fits = [
        SequenceRegressor(hidden_size=33, max_iter=1, batch_size=64, random_state=0, n_jobs=n, **options).fit(X, y)
        for n in (1, 2)
    ]
    assert parallel
    assert_same_bits(fits[0].network_.theta, fits[1].network_.theta)


ONE_THREAD = """
import hashlib, numba
from test_promises import FITS, data
X, y = data("gru", 200)
clf = FITS["gru"]().fit(X, y)
print(hashlib.sha256(clf.network_.theta.tobytes() + clf.predict_proba(X).tobytes()).hexdigest())
print(numba.config.NUMBA_NUM_THREADS)
"""


def test_a_process_of_one_thread_gives_the_same_bits():
    one, n = run_script(ONE_THREAD, NUMBA_NUM_THREADS=1).split()
    many, _ = run_script(ONE_THREAD, NUMBA_NUM_THREADS=None).split()
    assert n == "1"
    assert one == many


# ----------------------------------------------- 4: what is computed is the sum of lengths


@pytest.mark.parametrize("cell", CELLS)
def test_there_are_as_many_rows_as_steps(cell, monkeypatch):
    """In a fit and a prediction, whose passes keep here what they have computed."""
    X = [*ragged(20, longest=9), *ragged(1, shortest=400, longest=400)]
    n_steps, passes, rooms, forward = sum(map(len, X)), [], [], Encoder.forward

    class Kept(Pass):
        def __init__(self, program, shards, *options, **given):
            super().__init__(program, shards, *options, is_kept=True, **given)
            passes.append((self, program, shards))

    def noted(*arguments):
        x, (tokens, kept) = forward(*arguments)
        rooms.append(kept[0])
        return x, (tokens, kept)

    for module in (training, sequence):
        monkeypatch.setattr(module, "Pass", Kept)
    monkeypatch.setattr(Encoder, "forward", noted)
    SequenceClassifier(cell=cell, max_iter=1, hidden_size=5).fit(X, np.arange(21) % 2).predict(X)
    assert len(passes) == len(rooms) == 2
    for one, program, shards in passes:
        assert shards.table[:, kernel.B - 1].sum() == 21 and shards.table[:, kernel.S - 1].sum() == n_steps
        sizes = program.arrays[1].reshape(-1, kernel.BUFFER_SIZE)[:, kernel.BUFFER_WORDS :]
        for shard in range(len(shards)):
            frame = one.frame(shard)
            rows = [frame[words[words > 0]].prod() for words in sizes]
            assert max(rows) == frame[kernel.B] + frame[kernel.S]  # no array has more, padded ones would
    one, _, shards = passes[0]
    for name, n in (("x", n_steps), ("d_gates", n_steps), ("h", n_steps + 21)):
        assert sum(one.array(rooms[0][name], shard).shape[1] for shard in range(len(shards))) == n


# ------------------------------------------------------ 6: the caller's arrays stay as they are


def strided(array):
    """The same figures with gaps in memory, in reversed order."""
    wide = np.full([2 * n for n in array.shape], 77, array.dtype)
    view = wide[tuple(slice(None, None, -2) for _ in array.shape)]
    view[...] = array
    return view


CONTAINERS = {
    "read_only": read_only,
    "strided": strided,
    "fortran": np.asfortranarray,
    "float32": lambda array: array.astype(np.float32) if array.dtype.kind == "f" else array,
    "big_endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "object": lambda array: array.astype(object) if array.dtype.kind == "f" else array,
    "list": lambda array: array.tolist(),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_inputs_are_read_in_any_form_and_not_written_to(container):
    change = CONTAINERS[container]
    X, y = labelled(20)
    X = [x.astype(np.float32).astype(float) for x in X]
    weights = np.linspace(0.5, 2, 20).astype(np.float32).astype(float)
    options = {"hidden_size": 5, "max_iter": 2, "random_state": 0}
    clf = SequenceClassifier(**options).fit(X, y, sample_weight=weights)
    given, labels = [change(x) for x in X], change(y)
    given_weights = weights if container == "float32" else change(weights)  # their sum is rounded
    other = SequenceClassifier(**options).fit(given, labels, sample_weight=given_weights)
    assert_same_bits(other.network_.theta, clf.network_.theta)
    assert_same_bits(other.predict_proba(given), clf.predict_proba(X))

    targets = [x[:, :2] for x in X]
    reg = SequenceRegressor(return_sequences=True, **options).fit(X, targets)
    given_targets = [change(t) for t in targets]
    other = SequenceRegressor(return_sequences=True, **options).fit(given, given_targets)
    assert_same_bits(other.predict(given), reg.predict(X))
    before = [*X, *targets, y, weights]
    for array, original in zip([*given, *given_targets, labels, given_weights], before, strict=True):
        assert (np.asarray(array) == original).all()


@pytest.mark.parametrize("container", ["read_only", "strided", "fortran", "big_endian"])
@pytest.mark.parametrize("shape", [(12, 4), (12, 4, 3)], ids=str)
def test_arrays_are_read_in_any_form_and_not_written_to(shape, container):
    X = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    y = X.reshape(12, -1).sum(axis=1)
    reg = SequenceRegressor(hidden_size=5, max_iter=2, random_state=0).fit(X, y)
    given, targets = CONTAINERS[container](X), CONTAINERS[container](y)
    other = SequenceRegressor(hidden_size=5, max_iter=2, random_state=0).fit(given, targets)
    assert_same_bits(other.predict(given), reg.predict(X))
    assert (given == X).all() and (targets == y).all()


# ------------------------------------------------------------- 8: no abort, no deadlock

SETTING = """
import os, sys, numba, numpy as np
from samples import assert_same_bits, watch_parallel
from test_promises import classifier, data
calls = watch_parallel()
X, y = data("lstm_last", 200)
clf = classifier("lstm_last").fit(X, y)
expected = clf.predict_proba(X)
if numba.config.NUMBA_NUM_THREADS > 1:
    assert calls
"""

SEVERAL_THREADS = (
    SETTING
    + """
from concurrent.futures import ThreadPoolExecutor
def fit(_):
    return classifier("lstm_last").fit(X, y).predict_proba(X)
with ThreadPoolExecutor(4) as pool:
    for result in [*pool.map(lambda _: clf.predict_proba(X), range(12)), *pool.map(fit, range(8))]:
        assert_same_bits(result, expected)
print(numba.threading_layer())
"""
)

AFTER_FORK = (
    SETTING
    + """
import multiprocessing
def predict(k):
    return clf.predict_proba(X), classifier("lstm_last").fit(X, y).predict_proba(X)
with multiprocessing.get_context("fork").Pool(2) as pool:
    for results in pool.map(predict, range(3)):
        for result in results:
            assert_same_bits(result, expected)
child = os.fork()
if child == 0:
    same = (clf.predict_proba(X) == expected).all()
    os._exit(7 if same else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
n = len(calls)
assert_same_bits(clf.predict_proba(X), expected)
assert len(calls) > n or numba.config.NUMBA_NUM_THREADS == 1
print("good")
"""
)

UNDER_JOBLIB = (
    SETTING
    + """
from joblib import Parallel, delayed
from sklearn.base import clone
for backend in ("threading", "loky", "multiprocessing"):
    results = Parallel(n_jobs=2, backend=backend)(delayed(clf.predict_proba)(X) for _ in range(4))
    fits = Parallel(n_jobs=2, backend=backend)(delayed(clone(clf).fit)(X, y) for _ in range(2))
    for result in [*results, *(fit.predict_proba(X) for fit in fits)]:
        assert_same_bits(result, expected)
print("good")
"""
)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="numba may start one thread only, and has no layer")
@pytest.mark.parametrize("layer", ["default", "workqueue"])
def test_several_python_threads_at_once(layer):
    assert run_script(SEVERAL_THREADS, NUMBA_THREADING_LAYER=layer).strip() in (
        ("workqueue",) if layer == "workqueue" else ("tbb", "omp", "workqueue")
    )


@pytest.mark.parametrize("layer", ["default", "workqueue"])
def test_after_fork(layer):
    # From Python 3.12 on, forking beside other threads warns.
    quiet = {"PYTHONWARNINGS": "ignore::DeprecationWarning"}
    assert run_script(AFTER_FORK, NUMBA_THREADING_LAYER=layer, **quiet) == "good\n"


def test_under_joblib():
    quiet = {"PYTHONWARNINGS": "ignore::DeprecationWarning"}
    assert run_script(UNDER_JOBLIB, **quiet) == "good\n"


NOWHERE_TO_WRITE = """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from fastrnn import SequenceRegressor
    from samples import ragged
    X = ragged(20)
    reg = SequenceRegressor(cell="rnn", hidden_size=4, max_iter=2, random_state=0)
    score = reg.fit(X, [x.sum() for x in X]).score(X, [x.sum() for x in X])
assert len(caught) <= 1, [str(w.message) for w in caught]
print(score)
"""


def test_without_a_writable_home(tmp_path):
    package = tmp_path / "package" / "fastrnn"
    shutil.copytree(Path(fastrnn.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in [package, *(p for p in package.rglob("*") if p.is_dir())]:
        (folder / "__pycache__").touch()  # a file where the directory would be
    home = tmp_path / "home"
    home.touch()
    variables = {"HOME": home, "XDG_CACHE_HOME": None, "IPYTHONDIR": None}
    # run_script's PYTHONPATH comes later on sys.path than what the script puts first.
    script = f"import sys\nsys.path.insert(0, {str(package.parent)!r})\n{NOWHERE_TO_WRITE}"
    script += "import fastrnn\nassert fastrnn.__file__.startswith(sys.path[0])\n"
    # Everything is compiled anew, so with less care.
    variables |= {"NUMBA_CACHE_DIR": home / "numba", "PYTHONDONTWRITEBYTECODE": 1, "NUMBA_OPT": 1}
    score = run_script(script, **variables)
    np.testing.assert_allclose(float(score), float(run_script(NOWHERE_TO_WRITE)), atol=1e-4)


@TWO_THREADS
def test_the_number_of_threads_is_restored(parallel):
    X, y = data("gru_mean", 100)
    for before in (1, numba.config.NUMBA_NUM_THREADS):
        numba.set_num_threads(before)
        try:
            for n_jobs in (1, 2, None):
                classifier("gru_mean", n_jobs=n_jobs).fit(X, y).predict(X)
                assert numba.get_num_threads() == before
        finally:
            numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    assert parallel
