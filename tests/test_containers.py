"""Sequences from and to the containers of other libraries; the libraries themselves where they are installed."""

import numpy as np
import pytest
from samples import assert_same_bits, labelled, ragged

from fastrnn import SequenceClassifier
from fastrnn.preprocessing import (
    from_channels_first,
    from_concatenated,
    from_long,
    from_nan_padded,
    pad_sequences,
    to_channels_first,
    to_concatenated,
    to_long,
)

X = ragged(7, I=3, shortest=4)
RAGGED = np.array([*X, None], object)[:-1]


def test_every_form_and_back():
    assert_same_bits(from_channels_first(to_channels_first(X)), RAGGED)
    assert_same_bits(from_concatenated(*to_concatenated(X)), RAGGED)
    assert_same_bits(from_nan_padded(pad_sequences(X, value=np.nan)[0]), RAGGED)
    pytest.importorskip("pandas")
    found, ids = from_long(to_long(X, names=list("gfedcba")))
    assert_same_bits(found, RAGGED)
    assert ids.tolist() == list("gfedcba")
    assert_same_bits(from_long(to_long(X).set_index(["unique_id", "ds"]))[0], RAGGED)


def test_axes():
    cube = np.arange(24.0).reshape(2, 3, 4)
    assert from_channels_first(cube)[1].tolist() == cube[1].T.tolist()
    assert to_channels_first(cube).shape == (2, 4, 3)
    assert to_channels_first([[1, 2], [3]])[0].tolist() == [[1, 2]]
    with pytest.warns(UserWarning, match=r"X\[0\] has shape \(4, 3\), more channels than steps"):
        from_channels_first(cube.transpose(0, 2, 1))


def test_long_rows_in_any_order():
    pd = pytest.importorskip("pandas")
    frame = to_long(X, ids="id", time="t", columns=["a", "b", "c"])
    mixed = frame.sample(frac=1, random_state=0)
    found, ids = from_long(mixed, "id", "t", ["c", "a"])
    for x, k in zip(found, ids, strict=True):
        assert (x == X[k][:, [2, 0]]).all()
    dates = frame.assign(t=pd.Timestamp("2020-01-01") + pd.to_timedelta(frame["t"], unit="D"))
    assert_same_bits(from_long(dates, "id", "t")[0], RAGGED)


def test_nothing_of_the_caller_is_shared():
    values, lengths = to_concatenated(X)
    from_concatenated(values, lengths)[0][:] = 0
    assert (values[: lengths[0]] == X[0]).all()


@pytest.mark.parametrize(
    "call, match",
    [
        (lambda: from_channels_first([np.zeros(3)]), r"X\[0\] has shape \(3,\); expected \(channels, steps\)"),
        (lambda: from_concatenated(np.zeros(5), [3, 3]), "lengths add up to 6, but X has 5 steps"),
        (lambda: from_concatenated(np.zeros(5), [5.0]), "lengths is float64"),
        (lambda: from_concatenated(np.zeros(5), [5, 0]), "expected positive integers"),
        (lambda: from_nan_padded(np.array([[1.0, np.nan, 2.0]])), r"the mask of padded\[0\] is not true first"),
        (lambda: from_nan_padded(np.array([[[1.0, np.nan]]])), r"X\[0\] has NaN before its end"),
        (lambda: from_nan_padded(np.full((2, 3), np.nan)), r"lengths\[0\] is 0"),
        (lambda: from_nan_padded(np.zeros(3)), r"X has shape \(3,\)"),
        (lambda: to_long(X, names=["a"]), "names has 1 entries; expected 7"),
        (lambda: from_long(to_long(X), "id"), "the frame has no column 'id', but unique_id, ds, y0"),
        (lambda: from_long(to_long(X).assign(ds=0)), "unique_id 0 has the ds 0 twice"),
    ],
)
def test_what_does_not_go_together(call, match):
    pytest.importorskip("pandas")
    with pytest.raises(ValueError, match=match):
        call()


Z, Y = labelled(12, n_classes=2, shortest=5)


@pytest.mark.parametrize("name, mtype", [("aeon", "np-list"), ("sktime", "pd-multiindex")])
def test_a_model_from_the_libraries_own_containers(name, mtype):
    pytest.importorskip(name, reason="the library is large, and not needed beside this test")
    if name == "aeon":
        from aeon.utils.validation.collection import get_type

        theirs = to_channels_first(Z)
        assert get_type(theirs) == mtype
        ours = from_channels_first(theirs)
    else:
        from sktime.datatypes import check_raise

        theirs = to_long(Z).set_index(["unique_id", "ds"])
        assert check_raise(theirs, mtype=mtype)
        ours, _ = from_long(theirs)
    model = SequenceClassifier(hidden_size=4, max_iter=2, random_state=0).fit(ours, Y)
    assert_same_bits(model.predict_proba(ours), model.predict_proba(Z))
