"""A cell made outside the package, as the page "Behind it" makes it, does all that the package's own cells do."""

import minimal_gated_unit as mgu
import numpy as np
import pytest
from reference import assert_within
from samples import assert_same_bits, labelled, ragged
from sklearn.utils._param_validation import StrOptions

import fastrnn
from fastrnn import SequenceClassifier
from fastrnn.network import parts

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
LENGTHS = np.array([4, 1, 7, 7, 2])
"""One step, ragged lengths, two alike."""


def run(layer, x, lengths, h_0, d_output):
    """What a layer makes of a padded batch (T, B, I), and its gradients."""
    output, h_n = layer(x, h_0[np.newaxis], lengths=lengths)
    d_x, d_h_0 = layer.backward(d_output)
    return {"output": output, "h_n": h_n[0], "d_x": d_x, "d_h_0": d_h_0[0], **layer.grads}


def expected(layer, x, lengths, h_0, d_output):
    """The same by the reference: a sequence at a time."""
    state = {name.removesuffix("_l0"): array.astype(np.float64) for name, array in layer.state_dict().items()}
    p = {"bias_ih": np.zeros(2 * layer.hidden_size), "bias_hh": np.zeros(2 * layer.hidden_size), **state}
    found = {"output": np.zeros(d_output.shape), "h_n": np.zeros_like(h_0), "d_x": np.zeros_like(x), "d_h_0": 0 * h_0}
    sums = {name: np.zeros_like(array) for name, array in p.items()}
    for b, T in enumerate(lengths):
        h, stash = mgu.reference_forward(x[:T, b], h_0[b], p)
        d_x, d_h_0, d_p = mgu.reference_backward(d_output[:T, b], stash)
        found["output"][:T, b], found["h_n"][b], found["d_x"][:T, b], found["d_h_0"][b] = h, h[-1], d_x, d_h_0
        for name in sums:
            sums[name] += d_p[name]
    return {**found, **{f"{name}_l0": sums[name] for name in state}}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("I", "H", "bias"), [(3, 5, True), (1, 1, True), (7, 16, False), (4, 37, True)])
def test_values_and_gradients_are_those_of_the_reference(dtype, I, H, bias):
    rng = np.random.default_rng(0)
    x, h_0 = rng.standard_normal((7, len(LENGTHS), I)), rng.standard_normal((len(LENGTHS), H))
    d_output = rng.standard_normal((7, len(LENGTHS), H))
    layer = mgu.MGU(I, H, bias=bias, dtype=dtype, random_state=0)
    found, right = run(layer, x, LENGTHS, h_0, d_output), expected(layer, x, LENGTHS, h_0, d_output)
    assert found.keys() == right.keys()
    for name in found:
        assert_within(TOLERANCE[dtype], found[name], right[name], name)


def test_the_references_gradients_are_slopes():
    rng = np.random.default_rng(0)
    p = {"weight_ih": (8, 3), "weight_hh": (8, 4), "bias_ih": (8,), "bias_hh": (8,)}
    p = {name: rng.standard_normal(shape) for name, shape in p.items()}
    x, h_0, d_out = rng.standard_normal((6, 3)), rng.standard_normal(4), rng.standard_normal((6, 4))
    d_x, d_h_0, d_p = mgu.reference_backward(d_out, mgu.reference_forward(x, h_0, p)[1])
    for array, gradient in ((x, d_x), (h_0, d_h_0), *((p[name], d_p[name]) for name in p)):
        way, sides = rng.standard_normal(array.shape), []
        for step in (1e-6, -2e-6):
            array += step * way
            sides.append((mgu.reference_forward(x, h_0, p)[0] * d_out).sum())
        array += 1e-6 * way
        assert_within(1e-6, (sides[0] - sides[1]) / 2e-6, (gradient * way).sum())


def test_stacks_directions_and_streams():
    """Levels, both directions and dropout are the stack's; a cell has nothing to do for them."""
    X = np.random.default_rng(0).standard_normal((6, 3, 2))
    layer = mgu.MGU(2, 5, num_layers=2, bidirectional=True, random_state=0)
    output, h_n = layer(X)
    assert output.shape == (6, 3, 10) and h_n.shape == (4, 3, 5)
    d_x, _ = layer.backward(np.ones_like(output))
    assert d_x.shape == X.shape and all(np.any(gradient) for gradient in layer.grads.values())


@pytest.fixture
def named(monkeypatch):
    """`cell="mgu"`, as a line in `network/parts.py` would make it."""
    monkeypatch.setitem(parts.CELLS, "mgu", "minimal_gated_unit.MGUCell")
    names = StrOptions({*parts.CELLS})
    monkeypatch.setitem(SequenceClassifier._parameter_constraints, "cell", [names])


def test_an_estimator_learns_with_it(named, tmp_path):
    X, y = labelled(60, shortest=4)
    clf = SequenceClassifier(cell="mgu", hidden_size=9, bidirectional=False, max_iter=60, random_state=0, n_jobs=1)
    clf.fit(X, y)
    assert clf.score(X, y) > 0.9
    again = SequenceClassifier(**{**clf.get_params(), "n_jobs": 2}).fit(X, y)
    assert_same_bits(again.predict_proba(X), clf.predict_proba(X))
    stream = clf.stream()
    assert_same_bits([stream.step(x_t) for x_t in X[0]][-1], clf.predict_proba(X[:1])[0])
    fastrnn.save(clf, tmp_path / "mgu.safetensors")
    assert_same_bits(fastrnn.load(tmp_path / "mgu.safetensors").predict_proba(X), clf.predict_proba(X))


def test_a_sequence_does_not_depend_on_its_batch():
    layer = mgu.MGU(3, 5, random_state=0).eval()
    X = ragged(9)
    lengths = np.array([len(x) for x in X])
    padded = np.full((lengths.max(), len(X), 3), np.nan)
    for b, x in enumerate(X):
        padded[: len(x), b] = x
    together, _ = layer(padded, lengths=lengths)
    for b, x in enumerate(X):
        assert_same_bits(layer(x)[0], together[: len(x), b])
