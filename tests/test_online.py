"""Learners of one sample at a time: River's protocol, gradients, bad input, and streams that are learned."""

import copy
import sys

import numpy as np
import pandas as pd
import pytest
from reference import assert_within
from samples import assert_same_bits, run_script
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import fastrnn
from fastrnn.online import OnlineClassifier, OnlineRegressor
from fastrnn.online.learner import ENGINES
from fastrnn.sequences import Sequences

BOTH = [OnlineClassifier, OnlineRegressor]
GRADIENTS = ["rtrl", "bptt"]
every_learner = pytest.mark.parametrize("learner", BOTH)
every_gradient = pytest.mark.parametrize("gradient", GRADIENTS)
FROZEN = {"solver": "sgd", "learning_rate_init": 1e-300, "clip_norm": None, "dtype": "float64"}


def stream(n=12, seed=0):
    """Mappings, and targets that are labels as well as numbers."""
    rng = np.random.RandomState(seed)
    return [dict(zip("abc", row, strict=True)) for row in rng.normal(size=(n, 3)).tolist()], rng.randint(
        0, 3, n
    ).tolist()


def taught(learner, xs, ys, **options):
    model = learner(**{"random_state": 0, "hidden_size": 5, **options})
    for x, y in zip(xs, ys, strict=True):
        assert model.learn_one(x, y) is None
    return model


def memory(model):
    """Copies of all that a learner has become."""
    kept = {name: value for name, value in vars(model).items() if name not in ("network_", "_optimizer")}
    kept["_derivatives"] = model._derivatives and model._derivatives[0]  # the other array is there to be filled
    kept |= {"theta": model.network_.theta, **{f"of {name}": v for name, v in vars(model._optimizer).items()}}
    return copy.deepcopy(kept)


def assert_same(one, other):
    """All that two learners have become has the same bits."""
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_equal(one[name], other[name])
    assert_same_bits(one["theta"], other["theta"])


@every_gradient
@every_learner
@pytest.mark.parametrize("cell", ENGINES)
def test_a_saved_learner_goes_on_as_if_nothing_had_been(learner, cell, gradient, tmp_path):
    xs, ys = stream(30)
    model = taught(learner, xs[:20], ys[:20], cell=cell, gradient=gradient, bptt_steps=6)
    fastrnn.save(model, tmp_path / "learner")
    loaded = fastrnn.load(tmp_path / "learner")
    assert loaded.get_params() == model.get_params()
    assert_same(memory(loaded), memory(model))
    for x, y in zip(xs[20:], ys[20:], strict=True):
        assert loaded.predict_one(x) == model.predict_one(x)
        loaded.learn_one(x, y)
        model.learn_one(x, y)
    assert_same(memory(loaded), memory(model))


@every_learner
def test_a_learner_that_knows_nothing_is_not_saved(learner, tmp_path):
    with pytest.raises(NotFittedError, match="has not learned anything yet"):
        fastrnn.save(learner(), tmp_path / "learner")


@every_learner
def test_before_anything_was_learned(learner):
    model = learner()
    assert model.predict_one({"a": 1.0}) == (None if learner is OnlineClassifier else 0.0)
    model.reset()
    if learner is OnlineClassifier:
        assert model.predict_proba_one({"a": 1.0}) == {}
    assert clone(model).get_params() == model.get_params()
    assert repr(learner(cell="rnn")) == f"{learner.__name__}(cell='rnn')"


@every_gradient
@every_learner
@pytest.mark.parametrize("cell", ENGINES)
def test_prediction_changes_nothing_and_learning_takes_the_same_step(learner, cell, gradient):
    xs, ys = stream()
    model = taught(learner, xs, ys, cell=cell, gradient=gradient, **FROZEN)
    before = memory(model)
    predicted = model.predict_one(xs[0])
    if learner is OnlineClassifier:
        assert sum(model.predict_proba_one(xs[0]).values()) == pytest.approx(1)
    assert_same(memory(model), before)
    # The network itself reads the whole stream at once, each number less the mean of those so far.
    rows = np.array([[x[name] for name in "abc"] for x in [*xs, xs[0]]])
    so_far = [rows[: t + 1] for t in range(len(rows))]
    rows = np.array([(part[-1] - part.mean(axis=0)) / (part.std(axis=0) if len(part) > 1 else 1) for part in so_far])
    outputs = model.network_.predict(Sequences(rows, np.array([0, len(rows)])))[0]
    if learner is OnlineClassifier:
        assert predicted == model.classes_[outputs.argmax()]
    else:
        assert predicted == pytest.approx(np.mean(ys) + np.std(ys) * outputs[0])


@every_learner
@pytest.mark.parametrize("cell", ENGINES)
def test_both_gradients_are_equal_in_a_window_as_long_as_the_sequence(learner, cell):
    xs, ys = stream()
    forward, window = (
        learner(cell=cell, gradient=gradient, bptt_steps=len(xs), random_state=0, **FROZEN) for gradient in GRADIENTS
    )
    for _ in range(2):
        for x, y in zip(xs, ys, strict=True):
            forward.learn_one(x, y)
            window.learn_one(x, y)
            assert_within(1e-12, forward.network_.gradient, window.network_.gradient)
            assert_within(1e-12, forward._state, window._state)
        assert np.abs(forward.network_.gradient).max() > 1e-3
        forward.reset()
        window.reset()


@every_gradient
@every_learner
def test_the_same_seed_gives_the_same_bits(learner, gradient):
    xs, ys = stream()
    one, other = (taught(learner, xs, ys, gradient=gradient) for _ in range(2))
    assert_same(memory(one), memory(other))
    assert not np.array_equal(one.network_.theta, taught(learner, xs, ys, random_state=1).network_.theta)


@every_learner
def test_vectors_and_mappings_in_any_order_are_the_same(learner):
    xs, ys = stream()
    mapped = taught(learner, xs, ys)
    rows = [tuple(x.values()) for x in xs]
    for form in (list, tuple, np.array):
        vectors = taught(learner, [form(row) for row in rows], ys)
        assert_same_bits(vectors.network_.theta, mapped.network_.theta)
        assert vectors.feature_names_in_ == [0, 1, 2]
    turned = taught(learner, [xs[0]] + [dict(reversed(x.items())) for x in xs[1:]], ys)
    assert_same_bits(turned.network_.theta, mapped.network_.theta)
    assert turned.feature_names_in_ == list("abc") and turned.n_features_in_ == 3
    numbered = taught(learner, [dict(zip((0.0, 1.0, 2.0), rows[0], strict=True)), *rows[1:]], ys)
    assert_same_bits(numbered.network_.theta, mapped.network_.theta)


@every_gradient
def test_labels_may_come_late(gradient):
    xs, ys = stream(30)
    late = ["new" if y == 2 and k > 20 else y % 2 for k, y in enumerate(ys)]
    model = taught(OnlineClassifier, xs[:20], late[:20], gradient=gradient, solver="adam")
    weight, before = model.network_.head.parameters["weight"].copy(), memory(model)
    model.learn_one(xs[20], "new")
    after = model.network_.head.parameters["weight"]
    assert model.classes_ == [*before["classes_"], "new"] and after.shape == (3, 5)
    assert np.abs(after[:2] - weight).max() < 0.02 and 0 < np.abs(after[2]).max() < 0.02  # one step from zero
    assert model._optimizer.n_steps == 21
    recurrent = model.network_.encoder.recurrent.parameters.size
    assert np.abs(before["of first"][:recurrent] * 0.9 - model._optimizer.first[:recurrent]).max() < 0.11
    for x, y in zip(xs[21:], late[21:], strict=True):
        model.learn_one(x, y)
    assert set(model.predict_proba_one(xs[0])) == {0, 1, "new"}


def test_labels_known_beforehand_are_there_from_the_start():
    model = OnlineClassifier(classes=["x", "y", "x"], random_state=0)
    model.learn_one([0.5], "y")
    assert list(model.predict_proba_one([0.5])) == ["x", "y"]


BAD_X = {
    "nothing": ({}, "x has no features"),
    "other names": ({"a": 1.0, "b": 2.0, "d": 3.0}, r"x has the features \['a', 'b', 'd'\].* \['a', 'b', 'c'\]"),
    "a name less": ({"a": 1.0, "b": 2.0}, "x has the features"),
    "a vector": ([1.0, 2.0, 3.0], r"x has the features \[0, 1, 2\]"),
    "NaN": ({"a": 1.0, "b": np.nan, "c": 3.0}, r"x\['b'\] is nan; float32 holds no such number"),
    "infinity": ({"a": 1.0, "b": 3.0, "c": -np.inf}, r"x\['c'\] is -inf"),
    "beyond float32": ({"a": 1e39, "b": 3.0, "c": 1.0}, r"x\['a'\] is 1e\+39"),
    "beyond all": ({"a": 10**400, "b": 3.0, "c": 1.0}, r"x\['a'\] is 1000"),
    "text": ({"a": "1", "b": 3.0, "c": 1.0}, r"x\['a'\] is '1'; .*: encode"),
    "None": ({"a": None, "b": 3.0, "c": 1.0}, r"x\['a'\] is None"),
    "a number": (3.0, "x must be a mapping of names to numbers, or a vector; got float"),
    "a string": ("abc", "got str"),
    "a table": (np.ones((1, 3)), "got ndarray"),
    "a frame": (pd.DataFrame(np.ones((1, 3)), columns=list("abc")), "x is a DataFrame.*x.iloc"),
    "twice": (pd.Series([1.0, 2.0, 3.0], index=["a", "b", "a"]), "x has the column 'a' twice"),
    "NumPy's NaN": ({"a": 1.0, "b": np.float64(np.nan), "c": 3.0}, r"x\['b'\] is nan; float32"),
    "NumPy's names": ({np.str_("a"): 1.0, np.str_("z"): 2.0}, r"x has the features \['a', 'z'\]"),
}
BAD_Y = {
    OnlineClassifier: [None, np.nan, np.inf, [1], np.ones(2), {}],
    OnlineRegressor: [None, np.nan, -np.inf, "1", [1.0], np.ones(1), 1e39, 10**400],
}


@every_gradient
@every_learner
def test_bad_input_leaves_the_learner_as_it_was(learner, gradient):
    xs, ys = stream()
    model = taught(learner, xs, ys, gradient=gradient)
    before = memory(model)
    calls = [(x, 1, match) for x, match in BAD_X.values()] + [(xs[0], y, "y ") for y in BAD_Y[learner]]
    for x, y, match in calls:
        with pytest.raises(ValueError, match=match):
            model.learn_one(x, y)
        if match != "y ":
            with pytest.raises(ValueError, match=match):
                model.predict_one(x)
        assert_same(memory(model), before)


@every_learner
def test_a_bad_first_sample_or_parameter_leaves_nothing(learner):
    model = learner()
    parameters = vars(model).copy()
    for x, y in [({}, 1), ([], 1), ([np.nan], 1), ([1.0], None)]:
        with pytest.raises(ValueError, match="x|y is"):
            model.learn_one(x, y)
        assert vars(model) == parameters
    for name, value in {
        "gradient": "exact",
        "cell": "tcn",
        "solver": "lbfgs",
        "bptt_steps": 0,
        "hidden_size": 0,
    }.items():
        with pytest.raises(ValueError, match=f"'{name}' parameter of {learner.__name__}"):
            learner(**{name: value}).learn_one([1.0], 1)


@every_gradient
def test_a_gradient_that_overflows_leaves_the_learner_as_it_was(gradient):
    model = taught(OnlineRegressor, *stream(), cell="rnn", nonlinearity="relu", gradient=gradient, normalize_X=False)
    before = memory(model)
    with pytest.raises(ValueError, match="the gradient overflows at x = .*scale x, or lower"):
        model.learn_one(dict.fromkeys("abc", 3e38), 1.0)
    assert_same(memory(model), before)


def test_derivatives_that_explode_begin_anew():
    options = {"cell": "rnn", "nonlinearity": "relu", "learning_rate_init": 1e-9, "normalize_X": False}
    model = taught(OnlineRegressor, *stream(), **options)
    model.network_.encoder.recurrent.parameters["weight_hh_l0"][...] += np.eye(5)
    seen = []
    for x, y in zip(*stream(100), strict=True):
        model.learn_one({name: 1e-30 * value for name, value in x.items()}, y)
        seen.append(model._derivatives is None)
    assert any(seen) and np.isfinite(model.network_.theta).all()


def test_running_mean_and_deviation_of_the_targets():
    xs, ys = stream(50)
    model = taught(OnlineRegressor, xs, [1000 + 10 * y for y in ys])
    assert (model._y_mean, model._y_scale) == pytest.approx((1000 + 10 * np.mean(ys), 10 * np.std(ys)))
    assert 900 < model.predict_one(xs[0]) < 1100
    plain = taught(OnlineRegressor, xs, ys, normalize_y=False)
    assert (plain._y_mean, plain._y_scale) == (0, 1)


@every_gradient
@every_learner
def test_units_of_x_do_not_matter(learner, gradient):
    xs, ys = stream(40)
    options = {"gradient": gradient, "dtype": "float64"}
    plain = taught(learner, xs, ys, **options)
    for scale, offset in ((1e4, 0), (1e-4, 3), (1.0, 100), (1e-30, 0), (1e-200, 0), (1e37, 0)):
        changed = [{name: value * scale + offset for name, value in x.items()} for x in xs]
        model = taught(learner, changed, ys, **options)
        np.testing.assert_allclose(model.network_.theta, plain.network_.theta, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(model._outputs(changed[3]), plain._outputs(xs[3]), rtol=1e-6, atol=1e-7)


def test_what_is_0_or_1_so_far_stays_and_what_does_not_change_is_centred():
    xs = [[k % 2, 7.1, k] for k in range(9)]
    model = taught(OnlineRegressor, xs, range(9))
    read, _ = model._standardised(np.array([1, 7.1, 9.0]))
    assert read[:2].tolist() == [1, 0] and read[2] == pytest.approx(4.5 / np.std(range(10)))
    model.learn_one([0.5, 7.1, 9], 9)
    of_first = [0, 1] * 4 + [0, 0.5]
    now = model._standardised(np.array([1, 7.1, 9.0]))[0][0]
    assert now == pytest.approx((1 - np.mean([*of_first, 1])) / np.std([*of_first, 1]))
    plain = taught(OnlineRegressor, xs, range(9), normalize_X=False)
    assert plain._standardised(np.array([1, 7.1, 9.0]))[0].tolist() == np.float32([1, 7.1, 9]).tolist()


def test_forward_in_time_recalls_what_a_short_window_cannot():
    rng = np.random.RandomState(0)
    marks = rng.choice([-1.0, 1.0], 3000)
    right = {}
    for gradient, steps in (("rtrl", 1), ("bptt", 3), ("bptt", 6)):
        model = OnlineClassifier(gradient=gradient, bptt_steps=steps, learning_rate_init=1e-2, random_state=0)
        hits = []
        for t in range(4, len(marks)):
            hits.append(model.predict_one([marks[t]]) == (marks[t - 3] > 0))
            model.learn_one([marks[t]], marks[t - 3] > 0)
        right[gradient, steps] = np.mean(hits[-500:])
    assert right["rtrl", 1] > 0.95 and right["bptt", 6] > 0.95 and right["bptt", 3] < 0.7


def test_copies_go_on_alike():
    xs, ys = stream()
    model = taught(OnlineClassifier, xs, ys)
    other = copy.deepcopy(model)
    for learner in (model, other):
        learner.learn_one(xs[0], ys[0])
    assert_same(memory(model), memory(other))


def test_river_is_not_needed():
    script = "import sys; sys.modules['river'] = None; import fastrnn.online as o; print(o.OnlineClassifier())"
    assert run_script(script) == "OnlineClassifier()\n"
    assert "fastrnn.online" not in run_script("import sys, fastrnn; print(*sys.modules)")


def test_in_rivers_progressive_validation():
    # River is no dependency, not even of the tests: whoever has it learns whether its protocol is still this one.
    pytest.importorskip("river", reason="River is not installed")
    from river import evaluate, metrics, preprocessing

    xs, ys = stream(300)
    labels = [before["a"] > 0 for before in xs[:-1]]
    model = preprocessing.StandardScaler() | OnlineClassifier(random_state=0)
    score = evaluate.progressive_val_score(zip(xs[1:], labels, strict=True), model, metrics.Accuracy())
    assert score.get() > 0.5 and "OnlineClassifier" in str(model)
    evaluate.progressive_val_score(zip(xs, ys, strict=True), OnlineClassifier(random_state=0), metrics.LogLoss())
    model = preprocessing.StandardScaler() | OnlineRegressor(random_state=0)
    score = evaluate.progressive_val_score(zip(xs, ys, strict=True), model, metrics.RMSE())
    assert 0 < score.get() < 2 and "river" in sys.modules


def test_a_step_of_pandas_may_have_any_names():
    pd = pytest.importorskip("pandas")
    xs, ys = stream()
    steps = [pd.Series({"columns": next(iter(x.values())), "column_names": 1.0}) for x in xs]
    learner = taught(OnlineRegressor, steps, ys)
    assert learner.feature_names_in_ == ["columns", "column_names"]
    with pytest.raises(ValueError, match=r"x is a DataFrame, but must be one step of it: .* x.iloc\[0\]"):
        learner.predict_one(pd.DataFrame(steps[:1]))


def test_what_has_keys_is_a_mapping():
    class Series:
        def __init__(self, **values):
            self.values = values

        def keys(self):
            return self.values.keys()

        def __getitem__(self, key):
            return self.values[key]

    xs, ys = stream()
    one, other = taught(OnlineRegressor, xs, ys), taught(OnlineRegressor, [Series(**x) for x in xs], ys)
    assert_same(memory(one), memory(other))


@pytest.mark.parametrize("change", [{"cell": "lstm"}, {"hidden_size": 30}, {"dtype": "float64"}, {"solver": "sgd"}])
@every_learner
def test_a_learner_keeps_its_shape_for_life(learner, change):
    xs, ys = stream()
    model = taught(learner, xs, ys)
    before, (name, value) = memory(model), *change.items()
    model.set_params(**change)
    with pytest.raises(ValueError, match=f"{name}={value!r}, but this learner has learned with"):
        model.learn_one(xs[0], ys[0])
    assert_same({**memory(model), name: before[name]}, before)
    model.set_params(**{name: before[name]}).learn_one(xs[0], ys[0])
    with pytest.raises(ValueError, match="learning_rate_init"):
        model.set_params(learning_rate_init=-1).learn_one(xs[0], ys[0])


def test_a_target_too_large_to_learn_from_is_refused():
    model = taught(OnlineRegressor, [[0.1]] * 5, [0.2] * 5, solver="adam", clip_norm=None, normalize_y=False)
    before = memory(model)
    with pytest.raises(ValueError, match="the gradient overflows"):
        model.learn_one([1.0], 1e22)
    assert_same(memory(model), before)


def test_large_targets_keep_the_derivatives():
    rng = np.random.RandomState(0)
    model, kept = OnlineRegressor(normalize_y=False, random_state=0), []
    for x in rng.normal(size=200):
        model.learn_one([x], 1000 + 100 * x)
        kept.append(model._derivatives is not None)
    assert np.mean(kept) > 0.95


def test_the_scale_of_targets_follows_them():
    model = OnlineRegressor(random_state=0)
    for k in range(3000):
        model.learn_one([k % 2], (k % 2) * (1000.0 if k < 500 else 1.0))
    assert model._y_scale < 20


@pytest.mark.parametrize("labels", [[("x", 1)], [("x", [1])], [float("nan")]])
def test_labels_that_cannot_be_kept(labels, tmp_path):
    model = OnlineClassifier(random_state=0)
    with pytest.raises(ValueError, match="label|classes_"):
        model.learn_one([1.0], labels[0])
        fastrnn.save(model, tmp_path / "learner")
    assert not list(tmp_path.iterdir())


def test_clone_is_what_river_asks_for():
    xs, ys = stream()
    model = taught(OnlineRegressor, xs, ys)
    assert model.clone({"hidden_size": 7}).get_params() == {**model.get_params(), "hidden_size": 7}
    assert not model.clone().__sklearn_is_fitted__()
    assert_same(memory(model.clone(include_attributes=True)), memory(model))


@pytest.mark.parametrize("cell", ENGINES)
def test_a_file_does_not_depend_on_the_length_of_vectors(cell):
    xs, ys = stream()
    model = taught(OnlineRegressor, xs, ys, cell=cell)
    recurrent = model.network_.encoder.recurrent.parameters
    assert model._record()["memory"]["derivatives"].shape == (len(model._no_derivatives()[0]), recurrent.size)


def test_prediction_keeps_the_precision_of_what_was_learned():
    xs, ys = stream()
    model = taught(OnlineRegressor, xs, ys)
    expected = model.predict_one(xs[0])
    assert model.set_params(dtype="float64").predict_one(xs[0]) == expected
