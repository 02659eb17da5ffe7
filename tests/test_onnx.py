"""ONNX models answer in ONNX Runtime as the estimators do."""

import json
import sys

import numpy as np
import pytest
from samples import flagged, labelled, marked, ragged, sorted_twice, spelt, tagged, tokens, told
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from fastrnn import (
    SequenceClassifier,
    SequenceForecaster,
    SequenceGenerator,
    SequenceRegressor,
    SequenceTagger,
    SequenceToSequence,
    VectorToSequence,
)
from fastrnn.interchange import to_onnx
from fastrnn.online import OnlineClassifier

onnx = pytest.importorskip("onnx", reason="writes models")
runtime = pytest.importorskip("onnxruntime", reason="runs models")


@pytest.fixture(autouse=True)
def silence(capfd):
    """ONNX Runtime finds nothing to warn of."""
    yield
    assert capfd.readouterr().err == ""


def session_of(model):
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    return runtime.InferenceSession(model.SerializeToString(), options)


def padded(X):
    """X (time, batch, ...), as models take it, and its lengths; past the ends there are sevens, or ones for tokens."""
    X = [np.asarray(x) for x in X]
    lengths = np.array([len(x) for x in X], np.int32)
    filler, dtype = (1, np.int64) if X[0].dtype.kind == "i" else (7, np.float32)
    out = np.full((lengths.max(), len(X), *X[0].shape[1:]), filler, dtype)
    for k, x in enumerate(X):
        out[: len(x), k] = x
    return out, lengths


def run(session, X, states=None):
    """Outputs by name."""
    values, lengths = padded(X)
    known = {"X": values, "lengths": lengths}
    for given in session.get_inputs()[2:]:
        known[given.name] = np.zeros((given.shape[0], 1, given.shape[2]), np.float32)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {**known, **(states or {})}), strict=True))


def by_sequence(array, X):
    """The steps of each sequence, of outputs (time, batch, ...)."""
    return [array[: len(x), k] for k, x in enumerate(X)]


def assert_close(actual, expected):
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() <= 1e-5


def assert_zero_past_ends(array, X):
    for k, x in enumerate(X):
        assert not array[len(x) :, k].any()


def assert_same(estimator, X, session):
    found = run(session, X)
    if isinstance(estimator, SequenceClassifier):
        assert_close(found["probabilities"], estimator.predict_proba(X))
        assert found["labels"].tolist() == estimator.predict(X).tolist()
    elif isinstance(estimator, SequenceTagger):
        assert_zero_past_ends(found["probabilities"], X)
        answers = estimator.predict_proba(X), estimator.predict(X)
        for p, labels, expected_p, expected in zip(
            by_sequence(found["probabilities"], X), by_sequence(found["labels"], X), *answers, strict=True
        ):
            assert_close(p, expected_p)
            assert labels.tolist() == expected.tolist()
    elif estimator.network_.readout is None:
        assert_zero_past_ends(found["predictions"], X)
        for actual, expected in zip(by_sequence(found["predictions"], X), estimator.predict(X), strict=True):
            assert_close(actual, expected)
    else:
        assert_close(found["predictions"], estimator.predict(X))


def fitted(estimator, X, y, **options):
    return estimator(**{"hidden_size": 7, "max_iter": 4, "learning_rate_init": 0.02, "random_state": 0, **options}).fit(
        X, y
    )


def assert_exported(estimator, X, opset=22):
    """Ragged sequences together, a batch of one, and one of one step."""
    session = session_of(to_onnx(estimator, opset=opset))
    shortest = min(X, key=len)
    for some in (X, X[1:2], [shortest]):
        assert_same(estimator, some, session)


# ------------------------------------------------------------------------------------------------- what is exported

CELLS = {
    "lstm": {"cell": "lstm"}, "gru": {"cell": "gru"}, "gru_reset_before": {"cell": "gru_reset_before"},
    "lstm_peephole": {"cell": "lstm_peephole"},
    **{f"rnn_{f}": {"cell": "rnn", "nonlinearity": f, "learning_rate_init": 1e-3} for f in ("tanh", "relu", "sigmoid")},
}  # fmt: skip


@pytest.mark.parametrize("readout", ["last", "mean", "max", "attention"])
@pytest.mark.parametrize("name", CELLS)
def test_classifiers_of_every_cell_and_readout(name, readout):
    X, y = labelled(30)
    assert len(X[0]) != len(X[1]) and 1 in map(len, X)
    assert_exported(fitted(SequenceClassifier, X, y, readout=readout, num_layers=2, **CELLS[name]), X)


@pytest.mark.parametrize("name", CELLS)
def test_one_direction_without_biases(name):
    X, y = labelled(30)
    options = {**CELLS[name], "bidirectional": False, "bias": False, "dropout": 0.3, "hidden_size": 19}
    assert_exported(fitted(SequenceClassifier, X, y, **options), X)


def test_concat_and_labels_of_every_kind():
    X, y = labelled(24, n_classes=2, shortest=6, longest=6)
    kinds = [np.array(["no", "ü"]), np.array(["no", "yes"], object), np.array([7, -3], "int16"), np.array([0.0, 2.0])]
    for labels in [*kinds, np.array([True, False])]:
        estimator = fitted(SequenceClassifier, X, labels[y], readout="concat")
        model = to_onnx(estimator)
        assert_same(estimator, X, session_of(model))
        properties = {p.key: json.loads(p.value) for p in model.metadata_props}
        assert properties == {"classes": estimator.classes_.tolist()}


def test_float64_panels_and_embeddings():
    X, y = labelled(24, shortest=5, longest=5, I=1)
    panel = np.array(X)[:, :, 0]
    wide = fitted(SequenceClassifier, panel, y, dtype="float64")
    assert_close(run(session_of(to_onnx(wide)), X)["probabilities"], wide.predict_proba(panel))
    words = tokens(24)
    table = np.random.default_rng(0).standard_normal((6, 4))
    for options in ({"embedding_dim": 3}, {"embedding_dim": 4, "embeddings": table, "freeze_embeddings": True}):
        assert_exported(fitted(SequenceClassifier, words, y, **options), words)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile"])
def test_regressors_of_sequences(loss):
    X = ragged(30)
    y = np.array([x[-1, 0] + 1e5 for x in X])
    assert_exported(fitted(SequenceRegressor, X, y, loss=loss, quantile=0.9, readout="mean"), X)
    several = np.column_stack([y, 1e-3 * y, len(y) - y])
    for normalize in (True, False):
        y = several if normalize else several / 1e5
        assert_exported(fitted(SequenceRegressor, X, y, loss=loss, normalize_y=normalize, bidirectional=True), X)


def test_regressors_of_steps():
    X = ragged(30)
    flat, of_one, of_two = ([x[:, :K].cumsum(axis=0) for x in X] for K in (1, 1, 2))
    for y in ([v.ravel() for v in flat], of_one, of_two):
        estimator = fitted(SequenceRegressor, X, y, return_sequences=True)
        assert_exported(estimator, X)


@pytest.mark.parametrize("crf", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_taggers(cell, crf):
    X, y = tagged(30)
    assert_exported(fitted(SequenceTagger, X, y, crf=crf, cell=cell, num_layers=2), X)


def test_classifiers_of_several_labels():
    X, y = marked(30)
    clf = SequenceClassifier(hidden_size=5, max_iter=3, random_state=0).fit(X, y)
    found = run(session_of(to_onnx(clf)), X)
    np.testing.assert_allclose(found["probabilities"], clf.predict_proba(X), atol=1e-6)
    np.testing.assert_array_equal(found["labels"], clf.predict(X))
    X, y = sorted_twice(30)
    with pytest.raises(ValueError, match="one label or rows of 0 and 1, not 2 columns of classes"):
        to_onnx(clf.fit(X, y))


def test_taggers_of_several_labels_and_of_words():
    X, y = flagged(30)
    assert_exported(fitted(SequenceTagger, X, y), X)
    for crf, cell in ((True, "lstm"), (False, "gru_reset_before"), (False, "rnn")):
        X, y = spelt(30)
        X[3][0, 1:] = 0  # a word of no characters
        options = {"embedding_dim": 3, "character_embedding_dim": 4, "character_hidden_size": 5}
        model = fitted(SequenceTagger, X, y, crf=crf, cell=cell, **options)
        for room in (0, 3):
            assert_exported(model, [np.pad(x, ((0, 0), (0, room))) for x in X])


def test_a_chain_of_long_sequences_and_strong_habits():
    """Marginals keep their digits over many steps, and scores that float32 has no exponential for decide."""
    rng = np.random.default_rng(0)
    X = [rng.standard_normal((T, 2)) for T in (400, 1, 2, 77)]
    y = [np.cumsum(x[:, 0] > 0) % 3 for x in X]
    estimator = fitted(SequenceTagger, X, y, crf=True, max_iter=30, learning_rate_init=0.05)
    assert_exported(estimator, X)
    chain = estimator.network_.chain.parameters
    chain["transitions"][...] = 60 * rng.standard_normal((3, 3))
    estimator.network_.changed()
    assert_exported(estimator, X)


@pytest.mark.parametrize("stateful", [False, True])
def test_generators(stateful):
    X, _ = told(20)
    options = {"stateful": stateful, "embedding_dim": 4, "batch_size": 4}
    estimator = fitted(SequenceGenerator, X, None, num_layers=2, **options)
    model = to_onnx(estimator)
    given = X if stateful else [np.r_[estimator.n_tokens_, x] for x in X]
    found = run(session_of(model), given)["probabilities"]
    assert_zero_past_ends(found, given)
    assert found.shape[2] == estimator.n_tokens_ + (not stateful)
    for x, p in zip(X, by_sequence(found, given), strict=True):
        stream = estimator.stream()
        expected = [stream.step(token) for token in x]
        assert_close(p[0 if stateful else 1 :], expected)
    if not stateful:
        assert {p.key: p.value for p in model.metadata_props} == {"begin_and_end_token": "5"}
        steps = np.concatenate(by_sequence(found, given))
        following = np.log(steps[np.arange(len(steps)), np.concatenate([np.r_[x, 5] for x in X])])
        assert abs(following.mean() - estimator.score(X)) < 1e-5


# ---------------------------------------------------------------------------------------------- states


@pytest.mark.parametrize("cell", ["lstm", "gru", "gru_reset_before", "rnn", "lstm_peephole"])
def test_chunks_go_on_with_the_states(cell):
    X, y = tagged(20)
    X, y = X[:12], y[:12]
    tagger = fitted(SequenceTagger, X, y, cell=cell, bidirectional=False, num_layers=2)
    labels = [y_x[-1] for y_x in y]
    classifier = fitted(SequenceClassifier, X, labels, cell=cell, bidirectional=False, readout="last", num_layers=2)
    X = ragged(5, shortest=9, longest=12)
    pieces = [[x[:4] for x in X], [x[4:5] for x in X], [x[5:] for x in X]]
    for estimator in (tagger, classifier):
        session, states, found = session_of(to_onnx(estimator)), None, []
        for piece in pieces:
            outputs = run(session, piece, states)
            states = {f"{name[0]}_0": value for name, value in outputs.items() if name in ("h_n", "c_n")}
            found.append(outputs["probabilities"])
        whole = run(session, X)
        if estimator is tagger:
            parts = [np.concatenate(rows) for rows in zip(*map(by_sequence, found, pieces), strict=True)]
            for actual, expected in zip(parts, tagger.predict_proba(X), strict=True):
                assert_close(actual, expected)
        else:
            assert_close(found[-1], classifier.predict_proba(X))
        for name, value in states.items():
            assert_close(value, whole[f"{name[0]}_n"])


def test_states_of_both_directions_are_the_networks_own():
    X, y = labelled(12)
    estimator = fitted(SequenceClassifier, X, y, cell="lstm", num_layers=2)
    values = np.random.default_rng(0).standard_normal((2, 4, 12, 7)).astype("float32")
    found = run(session_of(to_onnx(estimator)), X, dict(zip(["h_0", "c_0"], values, strict=True)))
    _, states = estimator.network_.read(estimator._checked(X), np.concatenate(values))
    for name, expected in zip(["h_n", "c_n"], np.split(states, 2), strict=True):
        assert_close(found[name], expected)


# --------------------------------------------------------------------------------------- files, versions, errors


def test_files_and_what_models_say_of_themselves(tmp_path):
    X, y = labelled(12)
    estimator = fitted(SequenceClassifier, X, y)
    path = tmp_path / "model.onnx"
    path.write_text("an older file")
    model = to_onnx(estimator, path)
    assert onnx.load(path) == model == to_onnx(estimator)
    assert list(tmp_path.iterdir()) == [path]
    assert_same(estimator, X, runtime.InferenceSession(path))
    assert (model.producer_name, model.ir_version, model.opset_import[0].version) == ("fastrnn", 10, 22)
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names) and "recurrent_l0" in names
    assert "SequenceClassifier" in model.doc_string
    with pytest.raises(FileNotFoundError):
        to_onnx(estimator, tmp_path / "nowhere" / "model.onnx")


@pytest.mark.parametrize("opset", [18, 19, 20, 21])
def test_other_opsets(opset):
    X, y = tagged(12)
    assert_exported(fitted(SequenceTagger, X, y, crf=True), X, opset=opset)
    assert_exported(fitted(SequenceClassifier, X, [labels[0] for labels in y]), X, opset=opset)


def test_what_cannot_be_exported_is_said_before_anything_is_written(tmp_path):
    X, y = labelled(12)
    estimator = fitted(SequenceClassifier, X, y)
    path = tmp_path / "model.onnx"
    others = [SequenceForecaster(), SequenceToSequence(), VectorToSequence(), OnlineClassifier(), None]
    for other in [*others, make_pipeline(estimator)]:
        with pytest.raises(TypeError, match="expected a SequenceClassifier, .*SequenceTranscriber; of a Pipeline"):
            to_onnx(other, path)
    with pytest.raises(NotFittedError, match="not fitted"):
        to_onnx(SequenceTagger(), path)
    for opset in (13, 17, 23, "22", 22.5, None):
        with pytest.raises(ValueError, match=f"opset must be an integer from 18 to 22; got {opset!r}"):
            to_onnx(estimator, path, opset=opset)
    odd = fitted(SequenceClassifier, X, np.array(["2020", "2021", "2022"], "datetime64[D]")[y])
    with pytest.raises(ValueError, match="no type for labels of datetime64.*: fit on strings or integers"):
        to_onnx(odd, path)
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------- whole sequences, and other runtimes

WHOLE = {"shortest": 5, "longest": 5}


def whole_models():
    """By name: an estimator fitted on sequences of 5 steps, and these."""
    X, y = labelled(12, **WHOLE)
    for name, options in CELLS.items():
        yield name, fitted(SequenceClassifier, X, y, num_layers=2, **options), X
    for readout in ("last", "mean", "concat"):
        yield readout, fitted(SequenceClassifier, X, y == 0, readout=readout, bidirectional=False, bias=False), X
    yield "regressor", fitted(SequenceRegressor, X, [x[-1, 0] for x in X]), X
    yield "of steps", fitted(SequenceRegressor, X, [x[:, 0] for x in X], return_sequences=True), X
    y = [np.where(x[:, 0] > 0, 2, 7) for x in X]
    yield "tagger", fitted(SequenceTagger, X, y), X
    yield "chain", fitted(SequenceTagger, X, y, crf=True), X
    yield "several labels", fitted(SequenceTagger, X, [(x > 0).astype(int) for x in X]), X
    X = tokens(12, **WHOLE)
    yield "tokens", fitted(SequenceClassifier, X, np.arange(12) % 3, embedding_dim=3), X


@pytest.fixture(scope="module")
def whole():
    return [(name, estimator, X, to_onnx(estimator, lengths=False)) for name, estimator, X in whole_models()]


def expected_of(estimator, X):
    """What the model's first output is to be."""
    answer = getattr(estimator, "predict_proba", estimator.predict)(X)
    return answer if estimator.network_.readout is not None else np.stack([*answer], axis=1)


def test_models_of_whole_sequences_read_nothing_but_them(whole):
    for _, estimator, X, model in whole:
        session = session_of(model)
        assert [given.name for given in session.get_inputs()] == ["X"]
        assert not {"h_n", "c_n"} & {output.name for output in session.get_outputs()}
        assert not any("lengths" in node.input for node in model.graph.node)
        for some in (X, X[:1]):
            found = session.run(None, {"X": padded(some)[0]})[0]
            assert_close(found, expected_of(estimator, some))
        if estimator.network_.n_steps is None:
            longer = [np.concatenate([x, x]) for x in X]
            assert_close(session.run(None, {"X": padded(longer)[0]})[0], expected_of(estimator, longer))


def test_openvino_answers_alike(whole):
    openvino = pytest.importorskip("openvino", reason="runs models in OpenVINO")
    exactly = {"INFERENCE_PRECISION_HINT": "f32"}  # else in bfloat16 where the CPU has it

    def answers(model, known, fix=False):
        network = openvino.Core().read_model(model.SerializeToString())
        if fix:
            network.reshape({name: value.shape for name, value in known.items()})
        compiled = openvino.compile_model(network, "CPU", exactly)
        return compiled(known)[model.graph.output[0].name]

    for name, estimator, X, model in whole:
        found, expected = answers(model, {"X": padded(X)[0]}), expected_of(estimator, X)
        if name == "lstm_peephole":  # which it drops, as findings/openvino_drops_peepholes.sh and `to_onnx` say
            assert np.abs(found - expected).max() > 1e-3
        else:
            assert_close(found, expected)
    X, y = labelled(12)
    for options in ({}, {"cell": "lstm", "readout": "last"}, {"cell": "rnn", "readout": "mean"}):
        estimator = fitted(SequenceClassifier, X, y, **options)
        known = dict(zip(("X", "lengths"), padded(X), strict=True))
        known |= {
            f"{s}_0": np.zeros((2, 1, 7), "float32") for s in "hc"[: estimator.network_.encoder.recurrent.n_states]
        }
        assert_close(answers(to_onnx(estimator), known, fix=True), expected_of(estimator, X))


def test_tract_answers_alike(whole, tmp_path):
    tract = pytest.importorskip("tract", reason="runs models in tract")
    # It takes other activations for tanh, and no Scan whose parts read constants of the model.
    cannot = {"rnn_relu", "rnn_sigmoid", "chain"}
    for name, estimator, X, model in whole:
        if name not in cannot:
            x = padded(X)[0]
            onnx.save(model, tmp_path / "model.onnx")
            read = tract.onnx().load(tmp_path / "model.onnx")
            read.set_input_fact(0, ",".join(map(str, x.shape)) + (",i64" if x.dtype.kind == "i" else ",f32"))
            for k in range(len(model.graph.output)):
                read.set_output_fact(k, None)
            found = read.into_model().into_runnable().run([x])[0].to_numpy()
            assert_close(found, expected_of(estimator, X))


def test_mnn_answers_as_the_guide_says(whole, tmp_path, monkeypatch):
    """The list in docs/guide/saving.rst; see findings/mnn_computes_other_grus.sh."""
    mnn = pytest.importorskip("MNN", reason="runs models in MNN")
    from _tools import mnnconvert  # of MNN

    monkeypatch.chdir(tmp_path)
    reads = {"float32": mnn.expr.float, "int64": mnn.expr.int}
    wrong = {"gru", "gru_reset_before", "rnn_relu", "rnn_sigmoid"}  # the former two end in states of both directions
    for name, estimator, X, model in whole:
        if name in ("lstm_peephole", "chain"):  # of which it makes no network
            continue
        onnx.save(model, "model.onnx")
        files = ["--modelFile", "model.onnx", "--MNNModel", "model.mnn", "--bizCode", "none"]
        mnnconvert(["mnnconvert", "-f", "ONNX", *files, "--useOriginRNNImpl"])
        network = mnn.nn.load_module_from_file("model.mnn", ["X"], [output.name for output in model.graph.output])
        x, expected = padded(X)[0], expected_of(estimator, X)
        x = mnn.expr.const(x if x.dtype.kind == "f" else x.astype("int32"), x.shape, mnn.expr.NCHW, reads[str(x.dtype)])
        found = np.array(network.onForward([x])[0].read()).reshape(expected.shape)
        if name in wrong:
            assert np.abs(found - expected).max() > 1e-3, name
        else:
            assert_close(found, expected)


def test_the_reference_evaluator_answers_alike(whole):
    from onnx.reference import ReferenceEvaluator

    for name, estimator, X, model in whole:
        if name not in ("rnn_relu", "rnn_sigmoid", "chain"):
            assert_close(ReferenceEvaluator(model).run(None, {"X": padded(X)[0]})[0], expected_of(estimator, X))


def test_words_of_characters_have_lengths(tmp_path):
    X, y = spelt(12)
    estimator = fitted(SequenceTagger, X, y, embedding_dim=3, character_embedding_dim=4)
    with pytest.raises(ValueError, match="lengths=False does not go with characters"):
        to_onnx(estimator, tmp_path / "m.onnx", lengths=False)
    with pytest.raises(ValueError, match="lengths must be True or False; got .*they are an input of the model"):
        to_onnx(estimator, tmp_path / "m.onnx", lengths=np.array([3, 4]))
    assert not list(tmp_path.iterdir())


def test_without_onnx_the_error_says_what_to_install(monkeypatch):
    X, y = labelled(12)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match='pip install "onnx>=1.17"'):
        to_onnx(fitted(SequenceClassifier, X, y))
