"""Facts of sequences: what is made of them, what learns from them, and what is refused."""

import pickle

import numpy as np
import pytest
import reference as ref
import sklearn
from samples import assert_refused, assert_same_bits, assert_slope, ragged, read_only, run_script, spelt, tokens
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, GroupShuffleSplit, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import check_random_state
from test_network import CELLS, STACKS, I, K, objective

import fastrnn
from fastrnn import (
    EarlyClassifier,
    SequenceClassifier,
    SequenceEnsemble,
    SequenceRegressor,
    SequenceTagger,
    inspection,
    threads,
)
from fastrnn.callbacks import Checkpoint
from fastrnn.data import SequenceFiles
from fastrnn.interchange import from_torch, to_onnx, to_torch
from fastrnn.losses import loss as losses
from fastrnn.network.parts import Encoder
from fastrnn.network.sequence import SequenceNetwork
from fastrnn.sequences import as_sequences
from fastrnn.storage import StorageError, write

SMALL = {"hidden_size": 7, "max_iter": 2, "random_state": 0}
ONE_WAY = {**SMALL, "bidirectional": False}
F = 2


def drifting(n=300, seed=0):
    """Ragged walks (T, 1), facts (n, 2), and whether the walk's drift and the first fact have one sign."""
    rng = np.random.default_rng(seed)
    drifts, static = rng.choice([-1, 1], n), rng.standard_normal((n, F))
    static[:, 0] += 0.3 * np.sign(static[:, 0])
    X = [np.cumsum(0.4 * d + 0.3 * rng.standard_normal(T))[:, np.newaxis]
         for d, T in zip(drifts, rng.integers(8, 20, n), strict=True)]  # fmt: skip
    return X, ((drifts > 0) == (static[:, 0] > 0)).astype(int), static * [1, 50] + [40, 0]


def sampled(n=40, seed=0):
    """Ragged sequences (T, 3), labels, and facts."""
    rng = np.random.default_rng(seed)
    return ragged(n, seed=seed), np.arange(n) % 2, rng.standard_normal((n, F)) * [3, 0.1] + [5, -2]


def stirred(network, seed=1):
    """A network of which all weights are drawn: those that begin as zeros would hide what they do."""
    rng = np.random.default_rng(seed)
    for part in network.parts.values():
        for name in part.parameters:
            part.parameters[name][...] = 0.4 * rng.standard_normal(part.parameters.shapes[name])
    network.changed()
    return network


def fitted(kind=SequenceClassifier, n=40, **options):
    """A model whose answers the facts change, with what it was fitted on."""
    X, y, static = sampled(n)
    if kind is SequenceTagger or options.get("return_sequences"):
        y = [(x[:, 0] > 0).astype(int) for x in X]
    model = kind(**{**SMALL, **options}).fit(X, y, static=static)
    stirred(model.network_)
    return model, X, y, static


# ------------------------------------------------------------------------------------------------ what is computed


@pytest.mark.parametrize("readout", [None, *ref.READOUTS])
@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("cell", CELLS)
def test_loss_and_gradients_are_those_of_a_reference(cell, stack, readout):
    num_layers, bidirectional = STACKS[stack]
    make_cell, kind, form = CELLS[cell]
    H, D = 5, 2 if bidirectional else 1
    recurrent = {"hidden_size": H, "num_layers": num_layers, "bias": True, "bidirectional": bidirectional}
    lengths = [4] * 9 if readout == "concat" else [1, 7, 3, 3, 9, 2, 5, 6, 1]
    encoder = Encoder(None, I, make_cell(), recurrent, "float64")
    network = stirred(SequenceNetwork(encoder, K, readout, 4, check_random_state(0), n_facts=F))
    rng = np.random.default_rng(2)
    X, static = [rng.standard_normal((T, I)) for T in lengths], rng.standard_normal((len(lengths), F))
    n = sum(lengths) if readout is None else len(lengths)
    targets, weights = rng.standard_normal((n, K)), np.full(n, 1 / n)
    sequences = as_sequences(X, "float64").beside(static)
    value = objective(network, sequences, losses.squared, targets, weights)(0)

    own, head = network.static.parameters.copies(), network.head.parameters.copies()
    states = (static @ own["weight"].T + own["bias"]).reshape(len(X), -1, H).swapaxes(0, 1)
    parts = np.split(states, 1 + (len(ref.STATES[kind]) > 1))
    first = ref.as_state(kind, parts + [np.zeros_like(parts[0])] * (len(ref.STATES[kind]) - len(parts)))
    rows, _, stash = ref.stack_forward(
        kind, X, first, encoder.recurrent.parameters.copies(), num_layers, bidirectional, **form
    )
    if readout is None:
        features, beside = np.concatenate(rows), np.repeat(static, lengths, axis=0)
    else:
        features, beside = np.array([ref.readout_forward(readout, h, D == 2) for h in rows]), static
    read = np.hstack([features, beside])
    expected, d_outputs = ref.squared(read @ head["weight"].T + head["bias"], targets, weights)
    ref.assert_within(1e-10, value, expected)
    d_features = (d_outputs @ head["weight"])[:, :-F]
    if readout is None:
        d_rows = np.split(d_features, sequences.offsets[1:-1])
    else:
        d_rows = [ref.readout_backward(readout, d, h, D == 2) for d, h in zip(d_features, rows, strict=True)]
    nothing = ref.as_state(kind, [np.zeros_like(parts[0])] * len(ref.STATES[kind]))
    _, d_first, d_recurrent = ref.stack_backward(d_rows, nothing, stash)
    d_states = np.concatenate(d_first[:2]) if len(parts) > 1 else d_first  # of an sLSTM, n and m begin at 0
    d_states = d_states.swapaxes(0, 1).reshape(len(X), -1)
    found = network.static.parameters, network.head.parameters, encoder.recurrent.parameters
    ref.assert_within(1e-10, found[0].gradient("weight"), d_states.T @ static)
    ref.assert_within(1e-10, found[0].gradient("bias"), d_states.sum(axis=0))
    ref.assert_within(1e-10, found[1].gradient("weight"), d_outputs.T @ read)
    for name, d in d_recurrent.items():
        ref.assert_within(1e-10, found[2].gradient(name), d, name)


CASES = {
    "dropout": (SequenceClassifier, {"dropout": 0.4, "num_layers": 2}),
    "cut": (SequenceClassifier, {"bptt_steps": 20, "bidirectional": False, "cell": "lstm"}),
    "tags": (SequenceTagger, {"crf": True}),
    "steps": (SequenceRegressor, {"return_sequences": True, "num_layers": 2}),
    "patches": (SequenceClassifier, {"patch_length": 2, "readout": "mean"}),
    "tokens": (SequenceClassifier, {"embedding_dim": 4, "readout": "max"}),
    "letters": (SequenceClassifier, {"embedding_dim": 4, "character_embedding_dim": 3, "character_hidden_size": 2}),
}


@pytest.mark.parametrize("case", CASES)
def test_gradient_by_projection(case):
    kind, options = CASES[case]
    X, y, static = sampled(20)
    if case == "tokens":
        X = tokens(20)
    elif case == "letters":
        X = spelt(20)[0]
    if kind is not SequenceClassifier:
        y = [(x[:, 0] > 0).astype(int) for x in X]
    model = kind(**{**SMALL, "dtype": "float64", **options}).fit(X, y, static=static)
    stirred(model.network_)
    training = model._objective(model._informed(model._problem(X, y, None, True), model._facts(static, True), True))
    training.lay_out([np.arange(20)], 0)

    def loss():
        model.network_.changed()
        return training(0)

    loss()
    parameters = model.network_.static.parameters
    assert all(np.abs(parameters.gradient(name)).sum() > 0 for name in parameters)
    assert_slope(loss, (model.network_.theta, model.network_.gradient.copy()))


def test_facts_change_nothing_before_training():
    X, y, static = sampled()
    model = SequenceClassifier(**SMALL).fit(X, y, static=static)
    fresh = model._new_network(check_random_state(0))
    found = [fresh.predict(model._checked(X, other)) for other in (static, 3 * static - 1)]
    assert_same_bits(*found)
    assert model.network_.static.parameters["weight"].any() and model.network_.head.parameters["weight"][:, -F:].all()


def test_facts_are_standardised_as_the_fit_counts_sequences():
    X, y, static = sampled()
    model = SequenceClassifier(**SMALL).fit(X, y, static=static)
    found = model._checked(X, static).static
    np.testing.assert_allclose([found.mean(axis=0), found.std(axis=0)], [[0, 0], [1, 1]], atol=1e-5)
    weights = np.arange(40) % 3
    weighed = clone(model).fit(X, y, weights, static=static)
    np.testing.assert_allclose(weighed._static_mean, np.average(static, axis=0, weights=weights))
    tags = [(x[:, 0] > 0).astype(int) for x in X]
    tagger = SequenceTagger(**SMALL).fit(X, tags, weights, static=static)
    np.testing.assert_allclose(tagger._static_mean, weighed._static_mean)
    plain = clone(model).set_params(normalize_X=False).fit(X, y, static=static)
    assert_same_bits(plain._checked(X, static).static, static.astype(np.float32))
    assert model.transform(X, static=static).shape == (40, 2 * 7 + F)
    assert_same_bits(model.transform(X, static=static)[:, -F:], found)


def test_facts_are_learned_where_they_are_needed():
    X, y, static = drifting()
    options = {"hidden_size": 16, "random_state": 0, "max_iter": 40}
    train, test = slice(200), slice(200, None)
    without = SequenceClassifier(**options).fit(X[train], y[train])
    assert abs(without.score(X[test], y[test]) - 0.5) < 0.15
    for more in (
        {},
        {"cell": "lstm", "bidirectional": False, "num_layers": 2},
        {"cell": "rnn", "readout": "max", "max_iter": 80},
    ):
        model = SequenceClassifier(**{**options, **more}).fit(X[train], y[train], static=static[train])
        assert model.score(X[test], y[test], static=static[test]) >= 0.97, more
    ups = [np.diff(x[:, 0], prepend=0) for x in X]
    signs = [((x > 0) == (s > 40)).astype(int) for x, s in zip(ups, static[:, 0], strict=True)]
    for crf in (False, True):
        tagger = SequenceTagger(**options | {"max_iter": 100}, crf=crf).fit(
            ups[train], signs[train], static=static[train]
        )
        assert tagger.score(ups[test], signs[test], static=static[test]) >= 0.97
    target = np.array([x[-1, 0] for x in X]) * np.sign(static[:, 0] - 40)
    reg = SequenceRegressor(**options).fit(X[train], target[train], static=static[train])
    assert reg.score(X[test], target[test], static=static[test]) >= 0.9


# ------------------------------------------------------------------------------------------------ promises


@pytest.mark.parametrize("options", [{}, {"cell": "lstm", "num_layers": 2, "readout": "mean"}, {"readout": "max"}])
def test_the_same_bits_in_any_company_and_with_any_threads(options, monkeypatch):
    monkeypatch.setattr(threads, "SMALL", 0)
    model, X, y, static = fitted(n=70, **options)
    rows = model.predict_proba(X, static=static)
    assert_same_bits(np.concatenate([model.predict_proba([x], static=[s]) for x, s in zip(X, static)]), rows)  # noqa: B905
    order = np.random.default_rng(0).permutation(70)
    assert_same_bits(model.predict_proba([X[k] for k in order], static=static[order]), rows[order])
    assert np.abs(model.predict_proba(X, static=static[order]) - rows).max() > 1e-3
    one = clone(model).fit(X, y, static=static)
    with threads.limit(3):
        assert_same_bits(clone(model).set_params(n_jobs=3).fit(X, y, static=static).network_.theta, one.network_.theta)
        assert_same_bits(model.predict_proba(X, static=static), rows)


def test_without_facts_all_is_as_it_was():
    X, y, static = sampled()
    one, other = SequenceClassifier(**SMALL).fit(X, y), SequenceClassifier(**SMALL).fit(X, y, static=static)
    assert "static" in other.network_.parts and "static" not in one.network_.parts
    assert_same_bits(other.fit(X, y).network_.theta, one.network_.theta)
    assert not hasattr(other, "n_static_features_in_") and not hasattr(other, "_static_mean")


def test_what_is_given_stays_as_it_is():
    X, y, static = sampled()
    given = [read_only(x) for x in X], read_only(y), read_only(static)
    SequenceClassifier(**SMALL).fit(*given[:2], static=given[2]).predict(given[0], static=given[2])
    assert_same_bits(given[2], static)


STREAMED = {
    "gru": (SequenceClassifier, {}),
    "lstm": (SequenceClassifier, {"cell": "lstm", "num_layers": 2}),
    "mean": (SequenceClassifier, {"readout": "mean", "cell": "gru_reset_before"}),
    "max": (SequenceRegressor, {"readout": "max", "cell": "rnn"}),
    "steps": (SequenceRegressor, {"return_sequences": True, "dtype": "float64"}),
    "tags": (SequenceTagger, {"crf": False}),
}


@pytest.mark.parametrize("case", STREAMED)
def test_streams_say_what_predict_says(case):
    kind, options = STREAMED[case]
    model, X, _, static = fitted(kind, bidirectional=False, **options)
    X = [np.resize(x, (6, 3)) for x in X[:5]]
    answer = getattr(model, "predict_proba", model.predict)
    for stream, some in (
        (model.stream(5, static=static[:5]), slice(5)),
        (model.stream(static=static[2:3]), slice(2, 3)),
    ):
        for _ in range(2):
            for t in range(6):
                said = stream.step(np.array([x[t] for x in X[some]])[(slice(None) if stream.batch > 1 else 0)])
                stream = pickle.loads(pickle.dumps(stream))
                expected = answer([x[: t + 1] for x in X[some]], static=static[some])
                if model.network_.readout is None:
                    expected = np.array([rows[-1] for rows in expected])
                assert_same_bits(said, np.asarray(expected)[slice(None) if stream.batch > 1 else 0])
            stream.reset()


def test_files_and_pickles(tmp_path):
    pd = pytest.importorskip("pandas")
    X, y, static = sampled()
    frame = pd.DataFrame(static, columns=["age", "weight"])
    model = SequenceClassifier(**SMALL).fit(X, y, static=frame)
    path = tmp_path / "model.safetensors"
    fastrnn.save(model, path)
    rows = model.predict_proba(X, static=frame)
    for made in (fastrnn.load(path), pickle.loads(pickle.dumps(model))):
        assert_same_bits(made.predict_proba(X, static=frame), rows)
        assert made.n_static_features_in_ == F and made.static_feature_names_in_.tolist() == ["age", "weight"]
        made.partial_fit(X, y, static=frame)
    np.save(tmp_path / "rows.npy", rows)
    run_script(
        f"import numpy as np, fastrnn; from test_static import sampled; X, y, static = sampled();"
        f"model = fastrnn.load({str(path)!r}); rows = np.load({str(tmp_path / 'rows.npy')!r});"
        f"assert (model.predict_proba(X, static=static) == rows).all()",
        PYTHONPATH=str(tmp_path.__class__(__file__).parent) + ":" + str(tmp_path.__class__(__file__).parent.parent),
        PYTHONWARNINGS="ignore",
    )
    for name, value in (("_static_scale", np.zeros(F)), ("_static_mean", np.zeros(3)), ("n_static_features_in_", 3)):
        tree = model._record()
        tree["fitted"] = {**tree["fitted"], name: value}
        write(path, {"model": tree, "run": None})
        with pytest.raises(StorageError, match=name):
            fastrnn.load(path)


def test_interrupted_fits_go_on_with_the_same_facts(tmp_path):
    X, y, static = sampled()
    path, options = tmp_path / "run.safetensors", {**SMALL, "max_iter": 4, "early_stopping": True}
    whole = SequenceClassifier(**options).fit(X, y, static=static)
    stop = [Checkpoint(path), lambda progress: progress.epoch == 2]
    SequenceClassifier(**options, callbacks=stop).fit(X, y, static=static)
    again = SequenceClassifier(**options).fit(X, y, static=static, resume_from=path)
    assert_same_bits(again.network_.theta, whole.network_.theta)
    with pytest.raises(ValueError, match="are not the data of the checkpoint's run"):
        SequenceClassifier(**options).fit(X, y, static=static[::-1], resume_from=path)
    with pytest.raises(ValueError, match="not the data of the checkpoint's run"):
        SequenceClassifier(**options).fit(X, y, resume_from=path)


# ------------------------------------------------------------------------------------------------ ways to fit


def test_rows_go_where_their_sequences_go():
    """Of a label that the facts alone tell, a row in another place would leave nothing to learn."""
    X, _, static = sampled(120)
    y = (static[:, 0] > 5).astype(int)
    X = [np.zeros((1 + k % 5, 1)) for k in range(120)]
    groups, same = np.arange(120) // 3, {"hidden_size": 4, "max_iter": 60, "random_state": 0, "early_stopping": True}
    same |= {"recurrent_dropout": 0.0, "learning_rate_init": 0.03, "n_iter_no_change": 60}
    ways = {
        "a part": {},
        "a splitter": {"validation_fraction": GroupShuffleSplit(1, test_size=0.2, random_state=0)},
        "a scorer": {"scoring": "f1"},
        "a function": {"scoring": lambda model, X, y, **_: accuracy_score(y, model.predict(X))},
        "no order": {"shuffle": False, "batch_size": 7},
        "all at once": {"solver": "lbfgs", "early_stopping": False},
        "frozen": {"freeze": 3},
    }
    for name, options in ways.items():
        model = SequenceClassifier(**{**same, **options})
        by = {"groups": groups} if name == "a splitter" else {}
        model.fit(X, y, np.arange(120) % 2 + 1, static=static, **by)
        assert model.score(X, y, static=static) > 0.95, name
        assert model.validation_scores_ is None or max(model.validation_scores_) > 0.9 or model.scoring is None, name
    model = SequenceClassifier(**same, class_weight="balanced").fit(X, y, static=static)
    assert model.validation_scores_[-1] > 0.9
    model = SequenceClassifier(**same)
    for _ in range(60):
        model.partial_fit(X, y, static=static)
    assert model.score(X, y, static=static) > 0.95
    before = model.loss_curve_[-1]
    model.set_params(warm_start=True, early_stopping=False, max_iter=80).fit(X, y, static=static)
    assert model.loss_curve_[-1] < before


@pytest.mark.parametrize("scoring", [None, "loss", "accuracy"])
def test_validation_data_have_their_facts(scoring):
    X, y, static = sampled()
    given = {"X_val": X[30:], "y_val": y[30:], "static_val": static[30:]}
    model = SequenceClassifier(**SMALL, scoring=scoring).fit(X[:30], y[:30], static=static[:30], **given)
    known = {"static": static[30:]}
    last = {None: model.score, "accuracy": model.score}.get(scoring, lambda *_, **__: -model.validation_loss_curve_[-1])
    assert model.validation_scores_[-1] == pytest.approx(last(X[30:], y[30:], **known))
    p = model.predict_proba(X[30:], **known)[np.arange(10), y[30:]]
    assert model.validation_loss_curve_[-1] == pytest.approx(-np.log(p).mean(), rel=1e-5)
    assert model._facts_at_hand is None


def test_frames():
    pd = pytest.importorskip("pandas")
    X, y, static = sampled()
    plain = SequenceClassifier(**SMALL).fit(X, y, static=static)
    frames = {"pandas": pd.DataFrame(static, columns=["age", "weight"])}
    for library in ("polars", "pyarrow"):
        module = pytest.importorskip(library)
        pytest.importorskip("narwhals")
        make = getattr(module, "DataFrame", None) or module.table
        frames[library] = make({"age": static[:, 0], "weight": static[:, 1]})
    for frame in frames.values():
        model = SequenceClassifier(**SMALL).fit(X, y, static=frame)
        assert_same_bits(model.network_.theta, plain.network_.theta)
        assert model.static_feature_names_in_.tolist() == ["age", "weight"]
        for other in (*frames.values(), static, static.tolist()):
            assert_same_bits(model.predict_proba(X, static=other), plain.predict_proba(X, static=static))
    flags = pd.DataFrame({"is_old": static[:, 0] > 5, "n": np.arange(40)})
    model = SequenceClassifier(**SMALL).fit(X, y, static=flags)
    assert model._static_mean[0] == 0 and model._static_scale[0] == 1
    assert not hasattr(SequenceClassifier(**SMALL).fit(X, y, static=pd.DataFrame(static)), "static_feature_names_in_")


def test_metadata_routing():
    X, y, static = sampled(60)
    X = np.stack([np.resize(x, (5, 3)) for x in X])
    with sklearn.config_context(enable_metadata_routing=True):
        model = SequenceClassifier(**SMALL).set_fit_request(static=True).set_score_request(static=True)
        model.set_predict_request(static=True).set_predict_proba_request(static=True)
        found = cross_validate(model, X, y, params={"static": static}, cv=3, return_estimator=True, return_indices=True)
        for own, test, score in zip(found["estimator"], found["indices"]["test"], found["test_score"], strict=True):
            assert own.score(X[test], y[test], static=static[test]) == score
        pipe = make_pipeline(FunctionTransformer(), model)
        whole = pipe.fit(X, y, static=static)
        assert_same_bits(
            whole.predict_proba(X, static=static), clone(model).fit(X, y, static=static).predict_proba(X, static=static)
        )
        assert whole.score(X, y, static=static) == whole[-1].score(X, y, static=static)
        search = GridSearchCV(model, {"hidden_size": [3, 4]}, cv=2).fit(X, y, static=static)
        assert search.best_estimator_.predict(X, static=static).shape == (60,)
        extractor = clone(model).set_transform_request(static=True)
        pipe = make_pipeline(extractor, StandardScaler()).fit(X, y, static=static)
        assert pipe.transform(X, static=static).shape == (60, 16)
        ensemble = SequenceEnsemble(SequenceClassifier(**SMALL), 2, n_jobs=1).set_fit_request(static=True)
        assert (
            make_pipeline(ensemble.set_score_request(static=True)).fit(X, y, static=static).score(X, y, static=static)
        )
    one = SequenceClassifier(**SMALL)
    assert_same_bits(one.fit_transform(X, y, static=static), one.transform(X, static=static))


def test_ensembles_and_early_labels(tmp_path):
    X, y, static = drifting(150)
    options = {"hidden_size": 12, "random_state": 0, "max_iter": 60, "learning_rate_init": 0.01}
    ensemble = SequenceEnsemble(SequenceClassifier(**options), n_members=2, n_jobs=1).fit(X, y, static=static)
    assert ensemble.score(X, y, static=static) > 0.95 and ensemble.n_static_features_in_ == F
    one, other = (member.predict_proba(X, static=static) for member in ensemble.estimators_)
    np.testing.assert_allclose(ensemble.predict_proba(X, static=static), (one + other) / 2)
    fastrnn.save(ensemble, tmp_path / "ensemble.safetensors")
    loaded = fastrnn.load(tmp_path / "ensemble.safetensors")
    assert_same_bits(loaded.predict(X, static=static), ensemble.predict(X, static=static))

    early = EarlyClassifier(SequenceClassifier(bidirectional=False, **options), cv=2).fit(X, y, static=static)
    assert early.score(X, y, static=static) > 0.7
    labels, steps = early.predict(X, return_steps=True, static=static)
    for k in range(5):
        stream, label = early.stream(static=static[k : k + 1]), None
        for x in X[k]:
            label = stream.step(x) if label is None else label
        assert (stream.guess if label is None else label) == labels[k]
    fastrnn.save(early, tmp_path / "early.safetensors")
    assert_same_bits(fastrnn.load(tmp_path / "early.safetensors").predict(X, static=static), labels)
    assert early.predict_proba(X, static=static).shape == (150, 2) and steps.max() <= 20


def test_encoders_are_taken_over_without_what_is_known_beside():
    X, y, static = sampled()
    plain = SequenceClassifier(**SMALL).fit(X, y)
    model = SequenceClassifier(**SMALL, init_from=plain, freeze=2).fit(X, y, static=static)
    assert_same_bits(model.network_.encoder.recurrent.parameters.copies()["weight_hh_l0"],
                     plain.network_.encoder.recurrent.parameters.copies()["weight_hh_l0"])  # fmt: skip
    assert not model.network_.static.parameters["weight"].any()  # first states rest with the encoder
    assert model.network_.head.parameters["weight"][:, -F:].any()
    assert SequenceClassifier(**SMALL, init_from=model).fit(X, y).predict(X).shape == (40,)


def test_summary_names_the_layer():
    model, *_ = fitted(cell="lstm")
    assert "static                  FirstStates                     (B, 28)" in model.summary()
    assert f"(B, {2 * 7 + F})" in model.summary()


# ------------------------------------------------------------------------------------------------ other formats


@pytest.mark.parametrize("lengths", [True, False])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (SequenceClassifier, {}),
        (SequenceClassifier, {"cell": "lstm", "num_layers": 2, "readout": "mean"}),
        (SequenceRegressor, {"cell": "rnn", "readout": "max"}),
        (SequenceRegressor, {"return_sequences": True}),
        (SequenceTagger, {"crf": True, "bidirectional": False}),
    ],
)
def test_exported_models_read_facts(kind, options, lengths):
    onnxruntime = pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    model, X, _, static = fitted(kind, **options)
    X = [np.resize(x, (6, 3)) for x in X]
    sizes = np.arange(40) % 6 + 1 if lengths else np.full(40, 6)
    exported = to_onnx(model, lengths=lengths)
    onnx.checker.check_model(exported, full_check=True)
    session = onnxruntime.InferenceSession(exported.SerializeToString())
    given = {"X": np.stack(X, axis=1).astype("float32"), "static": static.astype("float32")}
    if lengths:
        given["lengths"] = sizes.astype("int32")
    assert {i.name for i in session.get_inputs()} == set(given)
    name = "predictions" if kind is SequenceRegressor else "probabilities"
    found = session.run([name], given)[0]
    answer = getattr(model, "predict_proba", model.predict)
    expected = answer([x[:T] for x, T in zip(X, sizes, strict=True)], static=static)
    if model.network_.readout is None:
        for k, rows in enumerate(expected):
            np.testing.assert_allclose(found[: sizes[k], k], rows, atol=3e-5)
    else:
        np.testing.assert_allclose(found, expected, atol=3e-5)


@pytest.mark.parametrize("unit", [1e-50, 1e50])
def test_facts_that_float32_has_no_room_for_are_not_exported(unit):
    pytest.importorskip("onnx")
    X, y, static = sampled()
    model = SequenceClassifier(**SMALL).fit(X, y, static=static * unit)
    with pytest.raises(ValueError, match="static has columns of scales from .*: fit on static in another unit"):
        to_onnx(model)


def test_what_knows_x_alone_refuses_a_model_that_needs_more(tmp_path):
    model, X, y, static = fitted(bidirectional=False)
    needs = "this model was fitted with static features, which {}: fit it without static"
    cases = {
        "an explanation by X alone does not give": [
            lambda: inspection.permutation_importance(model, X, y),
            lambda: inspection.occlusion(make_pipeline(FunctionTransformer(), model), X[:2]),
            lambda: inspection.integrated_gradients(model, X[:2]),
        ],
        "another library's layers do not read": [lambda: to_torch(model), lambda: from_torch(model, {})],
    }
    if pytest.importorskip("matplotlib"):
        cases["a picture of X alone does not give"] = [
            lambda: inspection.GateActivationsDisplay.from_estimator(model, X[0]),
            lambda: inspection.GradientFlowDisplay.from_estimator(model, X, y),
        ]
        cases["a picture of x alone does not give"] = [
            lambda: inspection.ProbabilitiesDisplay.from_estimator(model, X[0])
        ]
    for why, calls in cases.items():
        for call in calls:
            assert_refused(model, call, needs.format(why))
    files = SequenceFiles.write(tmp_path / "parts", [(X[:20], y[:20]), (X[20:], y[20:])])
    together = "X is SequenceFiles, which static does not go with: give X in memory, or leave static out"
    for call in (model.predict, model.predict_proba, model.predict_log_proba, model.transform, model.score, model.fit):
        assert_refused(model, lambda call=call: call(files, static=static), together)
    with pytest.raises(ValueError, match="2 static features of each sequence, but static is missing"):
        model.predict(files)
    assert model.fit(files).predict(files).shape == (40,) and not hasattr(model, "n_static_features_in_")


# ------------------------------------------------------------------------------------------------ bad input


def wrong(static):
    """What is wrong with facts, and what is said of it."""
    late = static.copy()
    late[3, 1] = np.nan
    large = static.copy()
    large[4, 0] = -np.inf
    return {
        "rows": (static[:-1], "static has 39 rows, but there are 40 sequences: give one for each"),
        "one axis": (static[:, 0], r"static has shape \(40,\); expected an array or frame \(n, F\).*\[:, np.newaxis\]"),
        "three axes": (static[:, :, None], r"static has shape \(40, 2, 1\)"),
        "no columns": (static[:, :0], "static has no columns"),
        "NaN": (late, r"static\[3\] contains NaN in column 1: fill it in, or leave the column out"),
        "infinity": (large, r"static\[4\] contains infinity in column 0"),
        "texts": (np.full((40, 2), "old"), "static holds values that are no numbers: 'old'"),
        "a text": ([[1.0, "old"], *static[1:].tolist()], "static holds values that are no numbers: 'old'"),
        "rows by name": ([{"age": 1.0}] * 40, r"static has shape \(40,\); expected .* for each sequence$"),
        "nothing": ([], r"static has shape \(0,\); expected .* for each sequence$"),
        "complex": (static * 1j, "static holds complex128 values"),
        "dates": (static.astype("M8[s]"), r"static holds datetime64\[s\] values"),
        "ragged": ([[1.0], *static[1:].tolist()], "static has rows of unequal lengths"),
        "a number": (3.0, "static must be an array or frame .*; got float"),
        "a dict": ({"age": static[:, 0]}, "static must be an array or frame .*; got dict"),
        "too large": (np.where(static == static[2, 1], 1e300, static), r"static\[2\] has 1e\+300 in column 1, too lar"),
    }  # fmt: skip


@pytest.mark.parametrize("case", wrong(sampled()[2]))
def test_bad_facts(case):
    X, y, static = sampled()
    given, match = wrong(static)[case]
    new = SequenceClassifier(**SMALL, normalize_X=False)
    assert_refused(new, lambda: new.fit(X, y, static=given), match)
    assert_refused(new, lambda: new.partial_fit(X, y, static=given), match)
    model = clone(new).fit(X, y, static=static)
    for call in (model.predict, model.predict_proba, model.transform, lambda X, **of: model.score(X, y, **of)):
        assert_refused(model, lambda call=call: call(X, static=given), match)
    assert_refused(model, lambda: model.partial_fit(X, y, static=given), match)
    beside = {"X_val": X, "y_val": y, "static_val": given}
    match = match.replace("static", "static_val", 1).replace("give static", "give static_val")
    assert_refused(new, lambda: new.fit(X, y, static=static, **beside), f"in the validation data.*{match}")


def test_facts_are_those_of_the_fit():
    pd = pytest.importorskip("pandas")
    X, y, static = sampled()
    frame = pd.DataFrame(static, columns=["age", "weight"])
    model, none = (SequenceClassifier(**ONE_WAY).fit(X, y, static=of) for of in (frame, None))
    had = "the fit had 2 static features of each sequence, but static is missing: give a row of them"
    for call in (model.predict, model.transform, lambda X: model.score(X, y), lambda X: model.partial_fit(X, y),
                 lambda X: model.stream(), lambda X: clone(model).fit(X, y, static=frame).predict(X)):  # fmt: skip
        assert_refused(model, lambda call=call: call(X), had)
    for call in (none.predict, none.predict_proba, lambda X, static: none.partial_fit(X, y, static=static),
                 lambda X, static: none.score(X, y, static=static), lambda X, static: none.stream(static=static[:1]),
                 lambda X, static: none.set_params(warm_start=True).fit(X, y, static=static)):  # fmt: skip
        assert_refused(
            none, lambda call=call: call(X, static=static), "static is given, but the fit had none: leave it"
        )
    cases = {
        "static has 3 columns, but the fit had 2": np.c_[static, static[:, :1]],
        "static has 1 column, but the fit had 2": static[:, :1],
        r"static has the columns \['weight', 'age'\], but the fit had \['age', 'weight'\]": frame[["weight", "age"]],
        r"static has the columns \['age', 'height'\], but": frame.rename(columns={"weight": "height"}),
        r"static, column 'weight', holds values that are no numbers: 'x'; convert": frame.assign(weight="x"),
        r"static\[0\] contains NaN in column 'age'": frame.assign(age=np.nan),
        "static has the column 'age' twice": frame[["age", "age"]],
    }
    for match, given in cases.items():
        assert_refused(model, lambda given=given: model.predict(X, static=given), match)
    for call in (lambda row: model.stream(static=row), lambda row: model.predict(X[:1], static=row)):
        assert_refused(
            model, lambda call=call: call(static[0]), r"give \[static\], if these are the facts of one seque"
        )
    assert_refused(model, lambda: model.stream(2, static=frame[:1]), "static has 1 row, but there are 2 sequences")
    assert_refused(model, lambda: model.stream(static=static), "static has 40 rows, but there is 1 sequence: give")
    beside = {"X_val": X, "y_val": y}
    new = SequenceClassifier(**SMALL)
    assert_refused(new, lambda: new.fit(X, y, static=static, **beside), "the fit had 2 static .* static_val is missing")
    assert_refused(new, lambda: new.fit(X, y, static_val=static, **beside), "static_val is given, but the fit had none")
    assert_refused(new, lambda: new.fit(X, y, static=static, static_val=static), "static_val is given without X_val")
    assert_refused(new, lambda: new.fit((X, static), y), "can be given as static=")
