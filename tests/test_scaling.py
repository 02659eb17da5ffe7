"""SequenceScaler: against scikit-learn's scalers on all steps, and each sequence by itself."""

import numpy as np
import pandas as pd
import pytest
from samples import assert_same_bits, labelled, ragged, read_only
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

import fastrnn
from fastrnn import SequenceClassifier
from fastrnn.preprocessing import SequenceScaler, SlidingWindow

OTHERS = {"standard": StandardScaler, "minmax": MinMaxScaler, "robust": RobustScaler}
X = [3 + 5 * x for x in ragged(12, I=2)]
every_method = pytest.mark.parametrize("method", OTHERS)


@every_method
def test_by_channel_it_is_scikit_learns_of_all_steps(method):
    scaler, rows = SequenceScaler(method=method).fit(X), np.concatenate(X)
    expected = OTHERS[method]().fit(rows)
    found = scaler.transform(X)
    np.testing.assert_allclose(np.concatenate(found), expected.transform(rows), rtol=1e-12, atol=1e-12)
    assert [len(x) for x in found] == [len(x) for x in X] and found.dtype == object
    new = ragged(3, I=2, seed=5)
    np.testing.assert_allclose(np.concatenate(scaler.transform(new)), expected.transform(np.concatenate(new)))
    for a, b in zip(scaler.inverse_transform(found), X, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


@every_method
def test_by_sequence_each_is_scaled_by_itself(method):
    scaler = SequenceScaler(method=method, by="sequence").fit(X)
    for x, found in zip(X, scaler.transform(X), strict=True):
        np.testing.assert_allclose(found, OTHERS[method]().fit_transform(x), rtol=1e-9, atol=1e-12)
    assert_same_bits(scaler.transform(X[2:4]), scaler.transform(X)[2:4])
    with pytest.raises(ValueError, match="by='sequence' keeps no scales"):
        scaler.inverse_transform(X)


@every_method
@pytest.mark.parametrize("by", ["channel", "sequence"])
def test_no_unit_is_too_small_or_too_large(method, by):
    expected = SequenceScaler(method=method, by=by).fit_transform(X)
    for unit in (1e-300, 1e-170, 1e200, 1e305, 2.0**-200):
        scaler = SequenceScaler(method=method, by=by)
        found = scaler.fit_transform([x * [unit, 1] for x in X])
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
            assert unit != 2.0**-200 or (a == b).all()


def test_a_small_spread_about_a_large_mean_is_no_rounding():
    noise = 3 * np.random.default_rng(0).standard_normal((10, 1000))
    scaler = SequenceScaler().fit(list(noise + 1e13))
    np.testing.assert_allclose(scaler.scale_, noise.std(), rtol=1e-2)


@pytest.mark.parametrize("method", ["standard", "minmax", "robust"])
def test_how_many_steps_there_are_does_not_tell_if_a_channel_changes(method):
    x = 1.7e9 + np.array([0, 1e-4])
    scales = [SequenceScaler(method=method).fit([np.tile(x, n)]).scale_[0] for n in (2, 2000)]
    np.testing.assert_allclose(scales, np.ptp(x) / (2 if method == "standard" else 1), rtol=1e-2)


def test_what_comes_back_has_the_form_of_x():
    cube = np.random.default_rng(0).standard_normal((4, 5, 2))
    assert SequenceScaler().fit_transform(cube).shape == (4, 5, 2)
    table = cube[..., 0]
    scaled = SequenceScaler().fit_transform(table)
    assert scaled.shape == (4, 5) and abs(scaled.mean()) < 1e-12
    flat = SequenceScaler().fit_transform([x[:, 0] for x in X])
    assert all(x.ndim == 1 for x in flat)
    assert SequenceScaler().fit_transform(cube.astype(np.float32)).dtype == np.float32
    assert SequenceScaler().fit_transform([x.astype(np.float32) for x in X])[0].dtype == np.float32


def test_nothing_is_written_to():
    frozen = [read_only(x) for x in X]
    assert_same_bits(SequenceScaler().fit_transform(frozen), SequenceScaler().fit_transform(X))
    strided = [np.asfortranarray(x) for x in X]
    assert_same_bits(SequenceScaler().fit_transform(strided), SequenceScaler().fit_transform(X))


@every_method
def test_a_channel_that_does_not_change_is_only_shifted(method):
    same = [np.column_stack([x[:, 0], np.full(len(x), 0.1)]) for x in X]
    found = np.concatenate(SequenceScaler(method=method).fit_transform(same))
    assert np.abs(found[:, 1]).max() < 1e-12


def test_in_searches_and_files(tmp_path):
    Z, y = labelled(24, n_classes=2)
    model = make_pipeline(SequenceScaler(), SequenceClassifier(hidden_size=4, max_iter=3, random_state=0))
    assert cross_val_score(model, Z, y, cv=2).shape == (2,)
    search = GridSearchCV(model, {"sequencescaler__by": ["channel", "sequence"]}, cv=2).fit(Z, y)
    best = search.best_estimator_
    fastrnn.save(best, tmp_path / "model")
    assert_same_bits(fastrnn.load(tmp_path / "model").predict_proba(Z), best.predict_proba(Z))
    for by in ("channel", "sequence"):
        scaler = SequenceScaler(by=by, method="robust").fit(X)
        fastrnn.save(scaler, tmp_path / "scaler")
        again = fastrnn.load(tmp_path / "scaler")
        assert again.get_params() == scaler.get_params() == clone(scaler).get_params()
        assert_same_bits(again.transform(X), scaler.transform(X))


def test_columns_of_a_table_share_one_scale_and_are_kept_in_files(tmp_path):
    table = pd.DataFrame(np.random.default_rng(0).standard_normal((8, 3)), columns=["a", "b", "c"])
    scaler = SequenceScaler().set_output(transform="pandas").fit(table)
    assert scaler.n_features_in_ == 3 and scaler.center_.shape == (1,)
    fastrnn.save(scaler, tmp_path / "scaler")
    again = fastrnn.load(tmp_path / "scaler")
    assert again.get_feature_names_out().tolist() == ["a", "b", "c"]
    assert_same_bits(again.transform(table), scaler.transform(table).to_numpy())
    with pytest.raises(ValueError, match="feature names should match"):
        again.transform(table[["a", "b"]])
    assert_same_bits(SequenceScaler().fit_transform(table.to_numpy().tolist()), scaler.transform(table).to_numpy())
    by_sequence = SequenceScaler(by="sequence").fit(table)
    fastrnn.save(by_sequence, tmp_path / "scaler")
    assert_same_bits(fastrnn.load(tmp_path / "scaler").transform(table), by_sequence.transform(table))


@pytest.mark.parametrize("by", ["channel", "sequence"])
def test_parameters_are_checked_where_they_are_read(by):
    scaler = SequenceScaler(by=by).fit(X).set_params(method="none")
    for call in (scaler.transform, scaler.fit):
        with pytest.raises(ValueError, match="The 'method' parameter of SequenceScaler must be"):
            call(X)


def test_bad_input():
    with pytest.raises(NotFittedError):
        SequenceScaler().transform(X)
    with pytest.raises(ValueError, match=r"X\[1\] contains infinity \(at step 0"):
        SequenceScaler().fit([[1.0], [np.inf]])
    with pytest.raises(ValueError, match=r"X\[0\] has 3 features, but the fit was on 2"):
        SequenceScaler().fit(X).transform(ragged(2, I=3))
    with pytest.raises(ValueError, match="X holds numbers that are too far apart for method='minmax': divide"):
        SequenceScaler(method="minmax").fit([[1e308], [-1e308]])
    with pytest.raises(ValueError, match="The 'method' parameter of SequenceScaler must be"):
        SequenceScaler(method="mean").fit(X)


@pytest.mark.parametrize("by", ["channel", "sequence"])
@pytest.mark.parametrize("method", ["standard", "minmax", "robust"])
def test_what_is_missing_stays_so_and_does_not_count(method, by):
    rng = np.random.default_rng(0)
    X = [rng.standard_normal((n, 2)) for n in (5, 9, 7)]
    X[1][:, 0] = X[0][2, 1] = np.nan
    scaler = SequenceScaler(method=method, by=by).fit(X)
    scaled = scaler.transform(X)
    for x, rows in zip(X, scaled, strict=True):
        np.testing.assert_array_equal(np.isnan(rows), np.isnan(x))
    there = [x[~np.isnan(x[:, 1]), 1:] for x in X]
    alone = SequenceScaler(method=method, by=by).fit_transform(there)
    for rows, own in zip(scaled, alone, strict=True):
        np.testing.assert_allclose(rows[~np.isnan(rows[:, 1]), 1:], own, rtol=1e-12)
    model = make_pipeline(scaler, SequenceClassifier(missing="mask", hidden_size=2, max_iter=1, random_state=0))
    assert model.fit(X, [0, 1, 0]).predict(X).shape == (3,)


@pytest.mark.parametrize("by, later", [("channel", "sequence"), ("sequence", "channel")])
def test_a_file_holds_what_was_fitted_whatever_has_been_set_since(by, later, tmp_path):
    scaler = SequenceScaler(by=by).fit(X)
    expected = scaler.transform(X)
    fastrnn.save(scaler.set_params(by=later), tmp_path / "scaler.safetensors")
    again = fastrnn.load(tmp_path / "scaler.safetensors")
    assert_same_bits(again.transform(X), expected)
    assert again.by == later
    with pytest.raises(ValueError, match="The 'method' parameter"):
        fastrnn.save(scaler.set_params(method="none"), tmp_path / "scaler.safetensors")


@pytest.mark.parametrize("kind", [SequenceScaler, SlidingWindow])
@pytest.mark.parametrize(
    "wrong", [np.array([[1.0, np.inf]]), [[1.0, "a"]], pd.DataFrame({"a": ["b"]}), [pd.DataFrame({"a": ["b"]})]]
)
def test_a_fit_that_fails_changes_nothing(kind, wrong):
    fitted = kind().fit([pd.DataFrame(x, columns=["b", "c"]) for x in X])
    before = dict(vars(fitted))
    with pytest.raises((TypeError, ValueError)):
        fitted.fit(wrong)
    assert vars(fitted).keys() == before.keys() and all(vars(fitted)[name] is value for name, value in before.items())
