"""SequenceAutoencoder: vectors hold what sequences were, and their lengths; pipelines, files, refusals."""

import pickle

import numpy as np
import pandas as pd
import pytest
from samples import assert_refused, assert_same_bits, ragged
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline

import fastrnn
from fastrnn import SequenceAutoencoder
from fastrnn.data import SequenceFiles

TINY = {"hidden_size": 5, "max_iter": 2, "n_jobs": 1, "random_state": 0}


def autoencoder(**options):
    return SequenceAutoencoder(**{**TINY, **options})


def slopes(n, seed=0, I=2):
    """Ragged lines, of several slopes and heights."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=I) + np.arange(T)[:, np.newaxis] * rng.normal(size=I) / 9 for T in rng.integers(3, 12, n)]


@pytest.mark.parametrize("options", [{}, {"bidirectional": False}, {"cell": "lstm", "num_layers": 2}])
def test_vectors_hold_what_sequences_were(options):
    X = slopes(100)
    model = autoencoder(hidden_size=24, max_iter=150, learning_rate_init=0.01, **options).fit(X)
    new = slopes(30, seed=1)
    again = model.inverse_transform(model.transform(new))
    assert r2_score(np.concatenate(new), np.concatenate(again)) > 0.9
    assert model.score(new) == pytest.approx(r2_score(np.concatenate(new), np.concatenate(again)), abs=1e-5)


def test_the_inverse_has_the_bits_of_the_whole_network():
    X = [100 + 9 * x for x in slopes(40)]
    model = autoencoder().fit(X)
    sequences = model._checked(X)
    whole = sequences.split(model._reproduced(sequences) * model._X_scale + model._X_mean)
    assert_same_bits(model.inverse_transform(model.transform(X)), whole)
    assert_same_bits(model.inverse_transform(model.transform(X[3:4]))[0], whole[3])


def test_lengths_are_those_given_or_those_that_vectors_hold():
    X = slopes(40)
    model = autoencoder().fit(X)
    vectors = model.transform(X)
    assert vectors.shape == (40, 11) and vectors.dtype == np.float32
    lengths = [len(x) for x in X]
    assert (model.min_length_, model.max_length_) == (min(lengths), max(lengths))
    assert [len(x) for x in model.inverse_transform(vectors)] == lengths
    assert [x.shape for x in model.inverse_transform(vectors[:2], lengths=[4, 30])] == [(4, 2), (30, 2)]
    for seven in (7, np.uint8(7), np.full(40, 7, np.uint64)):
        assert {len(x) for x in model.inverse_transform(vectors, lengths=seven)} == {7}
    long = model.transform([np.zeros((100, 2))])
    assert len(model.inverse_transform(long)[0]) == 100


def test_one_length_needs_no_column():
    X = np.random.default_rng(0).normal(size=(20, 6))
    model = autoencoder(bidirectional=False).fit(X)
    assert model.transform(X).shape == (20, 5)
    assert model.inverse_transform(model.transform(X)).shape == X.shape
    assert model.inverse_transform(model.transform(X)[:1]).shape == (1, 6)
    vectors, long = model.transform(X)[:2], model.inverse_transform(model.transform(X)[:2], lengths=9)
    uneven = model.inverse_transform(vectors, lengths=[3, 9])
    assert long.shape == (2, 9) and [x.shape for x in uneven] == [(3, 1), (9, 1)]
    assert_same_bits(uneven[1][:, 0], long[1])
    cube = autoencoder().fit(X[:, :, np.newaxis])
    assert {x.shape for x in cube.inverse_transform(cube.transform(X[:, :, np.newaxis]))} == {(6, 1)}


def test_names_and_frames():
    model = autoencoder().set_output(transform="pandas").fit(slopes(9))
    frame = model.transform(slopes(9))
    assert isinstance(frame, pd.DataFrame) and list(frame.columns) == [f"sequenceautoencoder{k}" for k in range(11)]
    assert len(model.inverse_transform(frame)) == 9


def test_single_steps():
    X = ragged(9, 3, longest=1)
    model = autoencoder().fit(X)
    assert [x.shape for x in model.inverse_transform(model.transform(X))] == [(1, 3)] * 9


def test_features_for_a_classifier():
    X = slopes(60)
    y = [x[:, 0].mean() > 0 for x in X]
    pipe = make_pipeline(autoencoder(hidden_size=16, max_iter=60), LogisticRegression(max_iter=1000)).fit(X, y)
    assert pipe.score(X, y) > 0.9


def test_it_goes_on_and_comes_back(tmp_path):
    X, path = slopes(30), tmp_path / "model"
    model = autoencoder().partial_fit(X)
    longest = model.max_length_
    model.partial_fit([np.zeros((50, 2))])
    assert model.max_length_ == longest and model.n_iter_ == 2
    fastrnn.save(model, path)
    for again in (fastrnn.load(path), pickle.loads(pickle.dumps(model))):
        assert_same_bits(again.transform(X), model.transform(X))
        assert_same_bits(again.inverse_transform(model.transform(X)), model.inverse_transform(model.transform(X)))


def test_data_in_files(tmp_path):
    X = slopes(30)
    files = SequenceFiles.write(tmp_path / "files", [(X[:20],), (X[20:],)])
    model = autoencoder().fit(files)
    assert_same_bits(model.transform(files), model.transform(X))
    assert model.score(files) == pytest.approx(model.score(X), rel=1e-6)


def test_what_looks_like_tokens_is_told_of():
    X = [np.random.default_rng(k).integers(0, 40, 30) for k in range(20)]
    with pytest.warns(UserWarning, match="look like tokens, but SequenceAutoencoder reads numbers"):
        autoencoder().fit(X)


def test_bad_input_is_refused_by_a_sentence():
    X = slopes(9)
    model = autoencoder().fit(X)
    vectors = model.transform(X)
    refused = [
        (lambda: model.inverse_transform(vectors[:, :-1]), "X has 10 columns, but vectors of this model have 11"),
        (lambda: model.inverse_transform(vectors, lengths=0), "lengths=0; expected integers from 1 on"),
        (lambda: model.inverse_transform(vectors, lengths=[1.5] * 9), "lengths=.*; expected integers from 1 on"),
        (lambda: model.inverse_transform(vectors, lengths=[3, 4]), "lengths has fewer entries"),
        (lambda: model.inverse_transform(vectors, lengths=np.uint64(2**63)), "lengths=9223372036854775808; expected"),
        (lambda: model.inverse_transform(np.full_like(vectors, 1e30)), "lengths=.2147483648, .*; expected integers"),
        (lambda: model.fit([[1, np.nan], *X]), r"X\[0\] contains NaN or infinity|X\[1\] has 2 features"),
        (lambda: model.transform([[1.0, 2.0]]), r"X\[0\] has 1 features, but the fit was on 2"),
    ]
    for call, match in refused:
        assert_refused(model, call, match)
    with pytest.raises(AttributeError, match="SequenceAutoencoder has no stream"):
        _ = model.stream
