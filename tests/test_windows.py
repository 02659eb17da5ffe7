"""Windows of sequences, and padded arrays."""

import numpy as np
import pytest
from samples import assert_same_bits, ragged

from fastrnn.preprocessing import SlidingWindow, pad_sequences, unpad_sequences

X = ragged(9, I=2, longest=12)


@pytest.mark.parametrize("size, step", [(1, 1), (3, 1), (4, 3), (9, 2)])
def test_windows_are_pieces_of_their_sequences(size, step):
    window = SlidingWindow(size=size, step=step).fit(X)
    expected = [(k, t) for k, x in enumerate(X) for t in range(0, len(x) - size + 1, step)]
    origins = window.origins(X)
    assert origins.tolist() == [list(pair) for pair in expected]
    found = window.transform(X)
    assert found.shape == (len(expected), size, 2)
    for piece, (k, t) in zip(found, expected, strict=True):
        assert (piece == X[k][t : t + size]).all()


def test_windows_that_cannot_be():
    with pytest.raises(ValueError, match="a window of size=50 needs more"):
        SlidingWindow(size=50).fit(X).transform(X)
    with pytest.raises(ValueError, match=r"X\[0\] has 3 features, but the fit was on 2"):
        SlidingWindow().fit(X).transform(ragged(2, I=3))
    with pytest.raises(ValueError, match="The 'step' parameter of SlidingWindow must be"):
        SlidingWindow(step=0).fit(X)
    with pytest.raises(ValueError, match="The 'size' parameter of SlidingWindow must be"):
        SlidingWindow().fit(X).set_params(size=0).transform(X)


def test_padded_and_back():
    padded, lengths = pad_sequences(X, value=np.nan)
    assert padded.shape == (9, lengths.max(), 2) and lengths.tolist() == [len(x) for x in X]
    assert np.isnan(padded).any(axis=2).sum() == (lengths.max() - lengths).sum()
    assert_same_bits(unpad_sequences(padded, lengths), np.array([*X, None], object)[:-1])
    assert_same_bits(unpad_sequences(padded, ~np.isnan(padded[..., 0])), unpad_sequences(padded, lengths))


def test_what_is_too_long_is_cut_off_where_that_is_asked_for():
    x = [np.arange(5.0), np.arange(2.0)]
    assert pad_sequences(x, 3, truncate="end")[0][..., 0].tolist() == [[0, 1, 2], [0, 1, 0]]
    assert pad_sequences(x, 3, truncate="start")[0][..., 0].tolist() == [[2, 3, 4], [0, 1, 0]]
    assert pad_sequences(x, 7)[0].shape == (2, 7, 1)
    with pytest.raises(ValueError, match=r"X\[0\] has 5 steps, but length=3: set truncate"):
        pad_sequences(x, 3)
    with pytest.raises(ValueError, match="truncate is 'left'; expected"):
        pad_sequences(x, 3, truncate="left")
    for length in (0, True):
        with pytest.raises(ValueError, match=f"length must be an integer >= 1; got {length}"):
            pad_sequences(x, length)
    with pytest.raises(TypeError, match="value must be an instance of float, not str"):
        pad_sequences(x, value="a")


@pytest.mark.parametrize(
    "padded, lengths, match",
    [
        (np.zeros(3), [1], r"padded has shape \(3,\); expected"),
        (np.zeros((2, 3)), [1], r"lengths is int64 of shape \(1,\); expected integers \(2,\), or a mask \(2, 3\)"),
        (np.zeros((2, 3)), [1.0, 2.0], "lengths is float64"),
        (np.zeros((2, 3)), [1, 4], r"lengths\[1\] is 4; expected 1 to 3"),
        (np.zeros((2, 3)), [0, 3], r"lengths\[0\] is 0; expected 1 to 3"),
        (np.zeros((2, 3)), [[1], [1, 2]], "lengths has steps of unequal lengths"),
        (np.zeros((2, 3)), np.array([[1, 0, 1], [1, 1, 1]], bool), r"the mask of padded\[0\] is not true first"),
        (np.zeros((2, 3)), np.zeros((2, 3), bool), r"lengths\[0\] is 0"),
    ],
)
def test_lengths_that_do_not_go_with_the_array(padded, lengths, match):
    with pytest.raises(ValueError, match=match):
        unpad_sequences(padded, lengths)
