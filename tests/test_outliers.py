"""SequenceOutlierDetector: faults are found where they are, a stream says what the whole says, and refusals."""

import pickle

import numpy as np
import pytest
from samples import assert_refused, assert_same_bits, ragged
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import fastrnn
from benchmarks.quality.outliers import found, make_faults
from fastrnn import SequenceClassifier, SequenceOutlierDetector
from fastrnn.callbacks import Checkpoint
from fastrnn.data import SequenceFiles
from fastrnn.outliers import RATES
from fastrnn.preprocessing import SequenceScaler

METHODS = "forecast", "reconstruction"
every_method = pytest.mark.parametrize("method", METHODS)


def detector(method="forecast", **options):
    return SequenceOutlierDetector(
        method=method, **{"hidden_size": 5, "max_iter": 2, "n_jobs": 1, "random_state": 0, **options}
    )


def as_read(model, X):
    """Sequences and what the network expects of them, standardised."""
    sequences = model._checked(X)
    return sequences.split(sequences.values), sequences.split(model._reproduced(sequences))


def means_by_hand(model, X):
    """Running means (T, M, I) of each sequence's errors, one step after the other."""
    every = []
    for steps, expected in zip(*as_read(model, X), strict=True):
        mean, means = np.zeros((len(RATES), steps.shape[1])), []
        for step, guess in zip(steps.astype(float), expected.astype(float), strict=True):
            mean = mean + RATES * (step - guess - mean)
            means.append(mean)
        every.append(np.array(means))
    return every


# ------------------------------------------------------------------------------------------- what is found


def test_the_oddest_step_is_at_the_fault():
    assert found(0, "forecast", n=60, hidden_size=24, max_iter=60) >= 0.9


def test_odd_sequences_have_low_scores():
    normal, *_ = make_faults(60, 1, ())
    X, *_ = make_faults(60, 2)
    model = detector(hidden_size=16, max_iter=60).fit(normal)
    new, *_ = make_faults(60, 3, ())
    assert roc_auc_score([1] * 60 + [0] * 60, model.score_samples([*new, *X])) > 0.95
    assert np.mean(model.predict(X) == -1) > 0.6 > 0.2 > np.mean(model.predict(new) == -1)


def test_a_small_drift_is_seen_that_no_step_shows():
    """Noise, and noise whose mean goes up by half its deviation."""
    rng = np.random.default_rng(0)
    normal, new = rng.normal(size=(2, 60, 50))
    model = detector(max_iter=20).fit(normal)
    assert roc_auc_score([1] * 60 + [0] * 60, model.score_samples(np.vstack([new, new + 0.5]))) > 0.9


# ------------------------------------------------------------------------------------------- how it is scored


@every_method
@pytest.mark.parametrize("width", [1, 12])
def test_scores_are_those_written_by_hand(method, width):
    X = ragged(30, width)
    model = detector(method, dtype="float64").fit(X)
    means = means_by_hand(model, X)
    spread = np.sqrt(np.mean(np.concatenate(means) ** 2, axis=0))
    squares = [((mean / spread) ** 2).mean(axis=2) for mean in means]
    for steps, hand in zip(model.score_steps(X), squares, strict=True):
        np.testing.assert_allclose(steps, -hand[:, 0], rtol=1e-9)
    np.testing.assert_allclose(model.score_samples(X), [-hand.max(axis=1).mean() for hand in squares], rtol=1e-9)


def test_a_forecast_reads_nothing_of_its_step_or_later():
    X = ragged(5, 2, shortest=6)
    model = detector().fit(X)
    expected = model.score_steps(X)
    changed = [np.vstack([x[:3], x[3:] + 1]) for x in X]
    for one, other in zip(expected, model.score_steps(changed), strict=True):
        assert_same_bits(other[:3], one[:3])
        assert (other[3:] != one[3:]).any()


@every_method
@pytest.mark.parametrize("share", [0.05, 0.29, 0.5])
def test_so_many_of_the_fit_are_odd_as_contamination_says(method, share):
    X = ragged(100, 2)
    model = detector(method, contamination=share).fit(X)
    assert np.sum(model.predict(X) == -1) == round(100 * share)
    assert_same_bits(model.decision_function(X), model.score_samples(X) - model.offset_)
    assert_same_bits(clone(model).fit_predict(X), model.predict(X))


def test_weights_count_as_repetition():
    X, weights = ragged(40, 2), np.array([1, 2, 3, 0] * 10)
    exact = detector(dtype="float64", shuffle=False, batch_size=1000, contamination=0.2, early_stopping=False)
    weighted, repeated = exact.fit(X, sample_weight=weights), clone(exact)
    repeated.fit([X[k] for k in np.repeat(np.arange(40), weights)])
    np.testing.assert_allclose(weighted.score_samples(X), repeated.score_samples(X), rtol=1e-6)
    assert weighted.offset_ == pytest.approx(repeated.offset_, rel=1e-6)


@every_method
def test_a_constant_feature_is_odd_when_it_changes(method):
    X = [np.column_stack([x, np.full(len(x), 7.0)]) for x in ragged(30, 1, shortest=3)]
    model = detector(method, max_iter=30).fit(X)
    other = X[0] + [0, 0.5]
    assert model.score_samples([other])[0] < model.score_samples(X).min()


@every_method
def test_single_steps_and_sequences(method):
    model = detector(method).fit(ragged(20, 2, longest=1))
    X = ragged(9, 2, longest=4)
    scores = model.score_steps(X)
    assert [len(s) for s in scores] == [len(x) for x in X]
    for k, x in enumerate(X):
        assert_same_bits(model.score_steps([x])[0], scores[k])
        assert_same_bits(model.score_samples([x]), model.score_samples(X)[k : k + 1])


# ------------------------------------------------------------------------------------------- step by step


@pytest.mark.parametrize("width", [1, 12])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_stream_says_of_each_step_what_score_steps_does(cell, width):
    X = [x * 3 + 50 for x in ragged(6, width, shortest=4)]
    model = detector(cell=cell, num_layers=2).fit(X)
    stream, expected = model.stream(), model.score_steps(X)
    for x, scores in zip(X, expected, strict=True):
        stream.reset()
        assert [stream.step(step) for step in x] == scores.tolist()
        assert stream.n_steps == len(x)


def test_streams_side_by_side_kept_and_pickled():
    X = np.stack(ragged(3, 2, shortest=9))
    model = detector().fit(X)
    expected = np.array([*model.score_steps(X)])
    stream = model.stream(batch=3)
    for t in range(4):
        assert_same_bits(stream.step(X[:, t]), expected[:, t])
    kept, copied = stream.state, pickle.loads(pickle.dumps(stream))
    assert_same_bits(stream.step(X[:, 4]), expected[:, 4])
    stream.state = kept
    for one in (stream, copied):
        assert_same_bits(one.step(X[:, 4]), expected[:, 4])


def test_a_step_that_is_no_number_leaves_a_stream_as_it_was():
    X = ragged(4, 2, shortest=5)
    model = detector().fit(X)
    stream, expected = model.stream(), model.score_steps(X)[0]
    stream.step(X[0][0])
    with pytest.raises(ValueError, match="a step holds NaN or infinity"):
        stream.step([0.0, np.nan])
    assert stream.step(X[0][1]) == expected[1]


# ------------------------------------------------------------------------------------------- files and company


@every_method
def test_files_of_models(method, tmp_path):
    X, path = ragged(20, 2), tmp_path / "model"
    model = detector(method).fit(X)
    fastrnn.save(model, path)
    for again in (fastrnn.load(path), pickle.loads(pickle.dumps(model))):
        assert_same_bits(again.score_steps(X), model.score_steps(X))
        assert again.offset_ == model.offset_ and again.get_params() == model.get_params()


@every_method
def test_a_checkpoint_goes_on(method, tmp_path):
    X, path = ragged(20, 2), tmp_path / "run"
    detector(method, max_iter=3, callbacks=[Checkpoint(path), lambda progress: progress.epoch == 1]).fit(X)
    assert (fastrnn.load(path).predict(X) == 1).all()  # its fit has not ended
    whole, resumed = detector(method, max_iter=3).fit(X), detector(method, max_iter=3).fit(X, resume_from=path)
    assert_same_bits(resumed.score_samples(X), whole.score_samples(X))
    assert resumed.offset_ == whole.offset_


@every_method
def test_data_in_files(method, tmp_path):
    X, weights = ragged(30, 2), np.linspace(0.5, 1, 30)
    files = SequenceFiles.write(tmp_path / "files", [(X[:20], None, weights[:20]), (X[20:], None, weights[20:])])
    model = detector(method, contamination=0.2).fit(files)
    assert_same_bits(model.score_steps(files), model.score_steps(X))
    assert_same_bits(model.predict(files), model.predict(X))
    assert 0 < np.sum(model.predict(X) == -1) < 12


@every_method
def test_early_stopping_and_warm_start(method):
    X = ragged(30, 2)
    model = detector(method, early_stopping=True, warm_start=True).fit(X)
    before = model.score_samples(X)
    assert len(model.validation_scores_) == 2
    assert model.set_params(max_iter=3).fit(X).n_iter_ == 3
    assert (model.score_samples(X) != before).all()


def test_pipelines_and_searches():
    X, *_ = make_faults(24, 0, ())
    odd, *_ = make_faults(12, 1)
    y = np.array([1, 1, -1] * 12)
    mixed = [x for k in range(12) for x in (X[k], X[k + 12], odd[k])]
    pipe = make_pipeline(SequenceScaler(), detector()).fit(X)
    assert pipe.predict(odd).shape == pipe.score_samples(odd).shape == (12,)
    search = GridSearchCV(detector(), {"method": METHODS}, scoring="roc_auc", cv=2, error_score="raise")
    assert set(search.fit(mixed, y).cv_results_["param_method"]) == {*METHODS}


# ------------------------------------------------------------------------------------------- refusals


def test_bad_input_is_refused_by_a_sentence():
    X = ragged(9, 2, shortest=2)
    model = detector().fit(X)
    gap = [np.array([[1.0, np.nan], [1.0, 2.0]]), *X]
    assert_refused(model, lambda: model.fit(gap), r"X\[0\] contains NaN or infinity")
    assert_refused(model, lambda: model.predict(gap), r"X\[0\] contains NaN or infinity")
    assert_refused(model, lambda: model.predict([x[:, :1] for x in X]), r"X\[0\] has 1 features, but the fit was on 2")
    assert_refused(model, lambda: model.fit(X, sample_weight=np.zeros(9)), "all weights are zero")
    with pytest.raises(ValueError, match="fitted with method='reconstruction', which reads a whole sequence"):
        detector("reconstruction").fit(X).stream()
    with pytest.raises(ValueError, match="fit anew with warm_start=False"):
        clone(model).set_params(warm_start=True).fit(X).set_params(method="reconstruction").fit(X)


@pytest.mark.parametrize("options", [{"contamination": 0}, {"contamination": 0.6}, {"method": "distance"}])
def test_bad_parameters_are_refused(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"The '{name}' parameter of SequenceOutlierDetector must be"):
        detector().set_params(**options).fit(ragged(9))


def test_it_is_an_outlier_detector_and_no_classifier():
    from sklearn.utils import get_tags

    assert get_tags(detector()).estimator_type == "outlier_detector"
    assert get_tags(SequenceClassifier()).estimator_type == "classifier"
