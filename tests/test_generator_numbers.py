"""SequenceGenerator of numbers: what it says of a step, what it draws, and what it refuses."""

from itertools import islice

import numpy as np
import pytest
from reference import assert_within
from samples import assert_same_bits, data_for, make_estimator, ragged, strokes
from scipy import stats

import fastrnn
from fastrnn import SequenceClassifier, SequenceGenerator
from fastrnn.interchange import from_torch, to_onnx, to_torch
from fastrnn.kernels.mixtures import LARGEST_CORRELATION
from fastrnn.losses.answers import filled
from fastrnn.losses.steps import NextStep

K = 3


def small(**options):
    return make_estimator("generator_of_numbers", **options)


SETS = {
    "pairs and a flag": strokes(30)[0],
    "pairs": ragged(30, 2),
    "numbers": [x[:, 0] for x in ragged(30, 1)],
    "three": [5 + [1, 20, 0.1] * x for x in ragged(30, 3)],
    "flags": [(x > 0).astype(float) for x in ragged(30, 2)],
}
every_set = pytest.mark.parametrize("name", SETS)


@pytest.fixture(scope="module")
def models():
    return {name: small().fit(X) for name, X in SETS.items()}


def logs_of(said, x, is_last, flags):
    """The log density of a step by SciPy, of what a stream has said before."""
    x = np.atleast_1d(x)
    numbers = np.setdiff1d(np.arange(x.size), flags)
    N, B = numbers.size, len(flags) + 1
    chances = np.append(x[flags], is_last)
    total = stats.bernoulli(said[-B:]).logpmf(chances).sum()
    if N:
        parts = said[:-B].reshape(-1, K)
        weights, means, scales = parts[0], parts[1 : 1 + N].T, parts[1 + N : 1 + 2 * N].T
        assert weights.sum() == pytest.approx(1)
        density = 0
        for k in range(K):
            cov = np.diag(scales[k] ** 2)
            if N == 2:
                cov[0, 1] = cov[1, 0] = parts[5, k] * scales[k].prod()
            density += weights[k] * stats.multivariate_normal(means[k], cov).pdf(x[numbers])
        total += np.log(density)
    return total


@every_set
def test_a_stream_says_the_distribution_of_the_next_step(name, models):
    """To the bit that of the whole sequence, and it is the density that `score` counts, in the units of X."""
    X, model = SETS[name], models[name]
    stream, found = model.stream(), []
    for x in X[:5]:
        stream.reset()
        said = np.array([stream.step(x_t) for x_t in x])
        inputs, _ = model._shifted(model._checked([x]))
        whole = filled(model._answer, model.network_.predict(inputs))
        assert_same_bits(said[:-1], whole[1:])
        assert stream.n_steps == len(x)
        found += [logs_of(p, x_t, t == len(x) - 1, model.binary_features_) for t, (p, x_t) in
                  enumerate(zip(whole, x, strict=True))]  # fmt: skip
    assert_within(1e-4, model._log_probabilities(X[:5]), np.array(found))
    assert model.score(X[:5]) == pytest.approx(np.mean(found), rel=1e-4)


def test_columns_of_0_and_1_are_found(models):
    assert {name: model.binary_features_.tolist() for name, model in models.items()} == {
        "pairs and a flag": [2], "pairs": [], "numbers": [], "three": [], "flags": [0, 1]}  # fmt: skip


def test_densities_are_in_the_units_of_x(models):
    larger = [8 * x for x in SETS["pairs"]]
    model = small().fit(larger)
    assert model.score(larger) == pytest.approx(models["pairs"].score(SETS["pairs"]) - 2 * np.log(8), abs=1e-6)
    assert model.loss_curve_ == models["pairs"].loss_curve_


@every_set
def test_samples(name, models):
    X, model = SETS[name], models[name]
    I, flags = model.n_features_in_, model.binary_features_
    drawn = model.sample(length=7, random_state=3)
    assert drawn.dtype == np.float64 and drawn.shape[1:] == (I,) and 1 <= len(drawn) <= 7
    assert np.isin(drawn[:, flags], [0, 1]).all()
    assert_same_bits(model.sample(length=7, random_state=3), drawn)
    assert_same_bits(np.array([*islice(model.iter_sample(random_state=3), 7)]), drawn)
    assert len({str(model.sample(X[0], length=1, random_state=k)) for k in range(9)}) > 1
    assert model.sample(length=0).shape == (0, I)


def test_what_is_drawn_has_the_distribution_that_was_said():
    step = NextStep(2, [1], np.zeros(3), np.ones(3))
    said = np.array([0.3, 0.7, -5, 5, 1, 2, 0.5, 1, 2, 0.1, 0.9, -0.6, 0.2, 0.4])
    rng = np.random.RandomState(0)
    draws, ends = zip(*(step.draw(said, 0.0, rng) for _ in range(20_000)), strict=True)
    draws = np.array(draws)
    low = draws[:, 0] < 0
    assert abs(low.mean() - 0.3) < 0.02 and abs(draws[:, 1].mean() - 0.2) < 0.02 and abs(np.mean(ends) - 0.4) < 0.02
    for some, mean, scale, r in ((low, (-5, 1), (0.5, 2), 0.9), (~low, (5, 2), (1, 0.1), -0.6)):
        pair = draws[some][:, [0, 2]]
        assert_within(0.05, pair.mean(axis=0), np.array(mean, float))
        assert_within(0.05, pair.std(axis=0), np.array(scale, float))
        assert abs(np.corrcoef(pair.T)[0, 1] - r) < 0.03
    # A bias of 1: scales by e, weights to the square (Graves 2013, equations 61 and 62).
    neat = np.array([step.draw(said, 1.0, rng)[0] for _ in range(5000)])
    assert abs((neat[:, 0] < 0).mean() - 0.09 / 0.58) < 0.03
    assert abs(neat[neat[:, 0] > 0][:, 0].std() - np.exp(-1)) < 0.03


@pytest.mark.parametrize("bias", [1e3, 1e6, 1e300])
def test_of_a_large_bias_the_most_probable_gaussian_is_left(bias):
    step, said = NextStep(3, [], np.zeros(1), np.ones(1)), np.array([0.2, 0.45, 0.35, -5, 0, 5, 1, 1, 1, 0.5])
    rng = np.random.RandomState(0)
    assert [step.draw(said, bias, rng)[0][0] for _ in range(20)] == [0] * 20


def test_it_learns_correlations_flags_and_ends():
    """Pairs about one of two places, correlated there; a flag that comes at each third step; four to six steps."""
    rng = np.random.default_rng(0)
    X = []
    for n in rng.integers(4, 7, 200):
        u, v = rng.standard_normal((2, n))
        pair = np.column_stack([u, 0.9 * u + np.sqrt(1 - 0.81) * v]) + 4 * rng.choice([-1, 1], (n, 1))
        X.append(np.column_stack([pair * [1, 100], np.arange(n) % 3 == 2]))
    options = {
        "hidden_size": 16,
        "num_layers": 1,
        "n_components": 2,
        "max_iter": 30,
        "learning_rate_init": 0.02,
        "batch_size": 8,
    }
    model = small(**options).fit(X)
    assert model.validation_scores_ is None and model.loss_curve_[-1] < model.loss_curve_[0] - 1
    stream = model.stream()
    said = [stream.step(x_t) for x_t in max(X, key=len)]
    weights, means, scales, r = said[0][:2], said[0][2:6], said[0][6:10], said[0][10:12]
    assert_within(0.35, np.sort(means[:2]), np.array([-4.0, 4.0]))
    assert (np.abs(weights - 0.5) < 0.2).all() and (np.abs(scales - [1, 1, 100, 100]) < [0.4] * 2 + [40] * 2).all()
    assert (np.abs(r - 0.9) < 0.1).all()
    # Of the third step from the second on, of others not; and no sequence ends before its fourth step.
    assert said[1][-2] > 0.9 > 0.1 > said[0][-2] and said[1][-1] < 0.05 < said[2][-1]
    lengths = [len(model.sample(random_state=k)) for k in range(50)]
    assert min(lengths) >= 3 and max(lengths) <= 8
    fair = np.concatenate([model.sample(random_state=k) for k in range(50)])
    neat = np.concatenate([model.sample(random_state=k, bias=3) for k in range(50)])
    spreads = [np.abs(np.abs(x[:, 0]) - 4).mean() for x in (fair, neat)]
    assert spreads[1] < 0.5 * spreads[0]


def test_outputs_beyond_all_bounds():
    step = NextStep(1, [], np.zeros(2), np.ones(2))
    said = filled(step.answer, np.array([[5.0, 1, 2, -1e4, 1e4, 1e4, -1e4]]))
    assert said[0].tolist() == [1, 1, 2, 1e-3, 1e4 + 1e-3, LARGEST_CORRELATION, 0]


def test_validation_scores_are_those_of_score():
    X, X_val = SETS["three"][:20], SETS["three"][20:]
    model = small(max_iter=3).fit(X, X_val=X_val)
    assert model.validation_scores_[-1] == pytest.approx(model.score(X_val), rel=1e-5)
    held = small(max_iter=3, early_stopping=True).fit(X)
    assert len(held.validation_scores_) == held.n_iter_


def test_states_and_what_another_model_takes_over():
    X, _ = data_for("generator_of_numbers")
    model, stream = small().fit(X), None
    stream = model.stream()
    for x_t in X[3]:
        stream.step(x_t)
    assert_same_bits(model.transform(X)[3][-1], stream.state["h"][-1, 0])
    started = SequenceClassifier(init_from=model, cell="lstm", num_layers=2, hidden_size=6, bidirectional=False,
                                 max_iter=1, random_state=0).fit(X, np.arange(40) % 2)  # fmt: skip
    assert started.score(X, np.arange(40) % 2) >= 0


def test_one_with_other_parameters_for_later_is_saved_as_it_is(tmp_path):
    X = strokes(10)[0]
    model = small(n_components=3).fit(X)
    fastrnn.save(model.set_params(n_components=5), tmp_path / "model")
    again = fastrnn.load(tmp_path / "model")
    assert again.n_components == 5 and again.score(X) == model.score(X)


def test_arrays_are_lists_of_sequences():
    x = np.random.default_rng(0).standard_normal((12, 7))
    flat, listed = small().fit(x), small().fit([*x])
    assert_same_bits(flat._log_probabilities(x), listed._log_probabilities([*x]))
    assert flat.sample(x[0, :3], length=2, random_state=0).shape == (2, 1)
    assert small().fit(x[..., np.newaxis]).score(x[:, :4, np.newaxis]) == pytest.approx(flat.score(x[:, :4]))


@pytest.mark.parametrize("first", [None, 64])
def test_a_later_fit_may_be_of_the_other_kind(first):
    given = {None: SETS["pairs and a flag"], 64: [np.array([1, 0, 2])] * 9}
    model = small(embedding_dim=first).fit(given[first])
    other = 64 if first is None else None
    model.set_params(embedding_dim=other).fit(given[other])
    assert hasattr(model, "binary_features_") == (other is None) and hasattr(model, "n_tokens_") == (other == 64)
    assert len(model.stream().step(given[other][0][0])) > 3


# ------------------------------------------------------------------------------------------ refused


def test_what_is_of_tokens_is_refused(models):
    model, X = models["pairs and a flag"], SETS["pairs and a flag"]
    for call in (model.perplexity, model.bits_per_token):
        with pytest.raises(ValueError, match="is of tokens, but this model reads numbers"):
            call(X)
    for option in ({"temperature": 0.5}, {"top_k": 3}, {"top_p": 0.9}):
        with pytest.raises(ValueError, match="are of tokens; for neat samples of numbers set bias"):
            model.sample(**option)
    for bias in (-1, np.inf, np.nan, "1", None, np.ones(2)):
        with pytest.raises(ValueError, match="bias must be a finite number >= 0; got"):
            model.sample(bias=bias)
    tokens = SequenceGenerator(hidden_size=4, max_iter=1, random_state=0).fit([[0, 1, 2]] * 4)
    with pytest.raises(ValueError, match="bias=1 is of numbers; for more probable tokens set temperature"):
        tokens.sample(bias=1)
    with pytest.raises(ValueError, match="says densities of numbers"):
        to_onnx(model)
    for call in (lambda: to_torch(model), lambda: from_torch(small(), {}), lambda: from_torch(model, {})):
        with pytest.raises(ValueError, match="says distributions in the units of X"):
            call()
    with pytest.raises(ValueError, match="stateful=True reads one stream of tokens"):
        small(stateful=True).fit(X)


def test_flags_stay_flags(models):
    X = SETS["pairs and a flag"]
    bad = [X[0], np.where(np.arange(3) == 2, 0.5, X[1])]
    for call in (models["pairs and a flag"].score, small(warm_start=True).fit(X).fit):
        with pytest.raises(ValueError, match=r"X\[1\] holds 0.5 in feature 2, which in the fit held nothing but 0"):
            call(bad)
    with pytest.raises(ValueError, match="in the prefix, X.0. has 2 features, but the fit was on 3"):
        models["pairs and a flag"].sample(X[0][:, :2])


def test_a_prefix_that_is_not_finite_is_refused_at_once(models):
    for wrong in (np.nan, np.inf, 1e300):
        prefix = SETS["pairs"][0].copy()
        prefix[2, 1] = wrong
        with pytest.raises(
            ValueError, match=r"in the prefix, X\[0\] contains (NaN or )?infinity \(at step 2, feature 1"
        ):
            models["pairs"].iter_sample(prefix)


def test_what_has_no_density_is_named(models):
    X = SETS["pairs"]
    with pytest.raises(ValueError, match=r"X\[1\] makes the network's outputs overflow.*its values are larger"):
        models["pairs"].score([X[0], X[1] * 1e30])
