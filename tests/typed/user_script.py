"""What a user writes, with every estimator: mypy reads it, and `tests/test_typing.py` runs it.

`assert_type` is for mypy; no result is of the type Any.  `of` is for the run: what the stubs promise must be true.
"""

from collections.abc import Hashable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import assert_type

import numpy as np
from arrays import Array, Cube, Floats, Labels, Matrix, Months, Objects, Vector, directions, of, panel, waves

import fastrnn
from fastrnn import (
    EarlyClassifier,
    SequenceAutoencoder,
    SequenceClassifier,
    SequenceEnsemble,
    SequenceForecaster,
    SequenceGenerator,
    SequenceOutlierDetector,
    SequenceRegressor,
    SequenceTagger,
    SequenceToSequence,
    SequenceTranscriber,
    VectorToSequence,
)
from fastrnn.dask import DaskSequenceClassifier, DaskSequenceForecaster, DaskSequenceRegressor, DaskSequenceTagger
from fastrnn.data import SequenceFiles
from fastrnn.datasets import (
    NUMBER_AGREEMENT_VOCABULARY,
    load_air_passengers,
    load_japanese_vowels,
    make_adding_problem,
    make_binary_addition,
    make_copy_memory,
    make_number_agreement,
)
from fastrnn.inspection import integrated_gradients, occlusion, permutation_importance
from fastrnn.interchange import from_keras, from_onnx, from_torch, to_keras, to_onnx, to_torch
from fastrnn.layers import GRU, LSTM, RNN, SLSTM
from fastrnn.metrics import (
    coverage,
    drift,
    make_tagging_scorer,
    mase,
    mean_quantile_loss,
    naive,
    rmsse,
    seasonal_naive,
    smape,
    span_f1_score,
    span_recall_score,
)
from fastrnn.online import OnlineClassifier, OnlineRegressor
from fastrnn.preprocessing import (
    SequenceScaler,
    SlidingWindow,
    Tokenizer,
    from_channels_first,
    from_concatenated,
    from_nan_padded,
    pad_sequences,
    to_channels_first,
    to_concatenated,
    unpad_sequences,
)
from fastrnn.streaming import Stream
from fastrnn.training import Checkpoint, DivergenceError, Progress


def classifier() -> None:
    X, y = waves(), ["slow", "fast"] * 6
    clf = SequenceClassifier(cell="gru", hidden_size=4, bidirectional=False, max_iter=2, random_state=0)
    assert_type(clf.fit(X, y), SequenceClassifier)
    assert_type(clf.predict(X), "Array[np.generic[object]]")
    of(clf.predict(X), "U4", 1)
    assert_type(clf.predict_proba(X), Matrix[np.float64])
    of(clf.predict_proba(X), "f8", 2)
    assert_type(clf.predict_log_proba(X), Matrix[np.float64])
    of(clf.predict_log_proba(X), "f8", 2)
    assert_type(clf.transform(X), Matrix[Floats])
    of(clf.transform(X), "f4", 2)
    assert_type(clf.fit_transform(X, y), Matrix[Floats])
    assert_type(clf.score(X, y), float)
    assert_type(clf.classes_, Labels)
    assert_type(clf.loss_curve_, list[float])
    assert_type(clf.n_iter_, int)
    assert_type(clf.get_feature_names_out(), Objects)
    of(clf.get_feature_names_out(), "O", 1)
    assert_type(clf.set_output(transform="default"), SequenceClassifier)
    assert_type(clf.partial_fit(X, y), SequenceClassifier)
    assert_type(clf.get_params(), dict[str, object])
    assert_type(clf.set_params(max_iter=3), SequenceClassifier)
    facts = [[float(k), 1.0] for k in range(12)]
    beside = SequenceClassifier(hidden_size=4, bidirectional=False, max_iter=2).fit(X, y, static=facts)
    assert_type(beside.predict_proba(X, static=facts), Matrix[np.float64])
    assert_type(beside.stream(static=facts[:1]), Stream)
    assert_type(beside.n_static_features_in_, int)
    stream = clf.stream()
    assert_type(stream, Stream)
    assert_type(stream.step([0.5]), Array[np.float64] | np.float64)
    of(stream.step([0.5]), "f8", 1)
    kept = stream.state
    of(kept["h"], "f4", 3)
    assert_type(kept["n_steps"], int)
    stream.state = kept
    assert_type(stream.n_steps, int)
    stream.reset()


def regressor() -> None:
    X = waves()
    reg = SequenceRegressor(hidden_size=4, max_iter=2, loss="huber").fit(X, np.linspace(0, 1, 12))
    assert_type(reg, SequenceRegressor)
    predicted = reg.predict(X)
    assert_type(predicted, Array[np.float64] | Objects)
    of(predicted, "f8", 1)
    assert_type(reg.score(X, list(range(12))), float)
    assert_type(reg.transform(X), Matrix[Floats] | Objects)
    assert reg.stream().step([0.5]) is not None
    each = SequenceRegressor(hidden_size=4, max_iter=2, return_sequences=True).fit(X, X)
    of(each.predict(X), "O", 1)
    of(each.transform(X), "O", 1)


def tagger() -> None:
    X, y = waves(), directions()
    tagger = SequenceTagger(hidden_size=4, max_iter=2, crf=True).fit(X, y)
    assert_type(tagger, SequenceTagger)
    assert_type(tagger.predict(X), Objects)
    of(tagger.predict(X), "O", 1)
    assert_type(tagger.predict_proba(X), Objects)
    of(tagger.predict_proba(X), "O", 1)
    assert_type(tagger.transform(X), Objects)
    assert_type(tagger.score(X, y), float)
    assert_type(tagger.classes_, Labels)


def transcriber() -> None:
    X, y = waves(), ["ab", ""] * 6
    model = SequenceTranscriber(hidden_size=4, max_iter=2, bidirectional=False, decoding="beam").fit(X, y)
    assert_type(model, SequenceTranscriber)
    assert_type(model.predict(X), Objects)
    of(model.predict(X), "O", 1)
    assert_type(model.predict_proba(X), Objects)
    assert_type(model.score(X, [list(labels) for labels in y]), float)
    assert_type(model.classes_, Labels)
    assert_type(model.partial_fit(X, [["a"], []] * 6), SequenceTranscriber)
    assert_type(model.stream().step([0.5]), object)


def generator() -> None:
    texts = ["abracadabra"] * 8
    tokenizer = Tokenizer(level="char")
    X = tokenizer.fit_transform(texts)
    model = SequenceGenerator(hidden_size=4, max_iter=2, random_state=0).fit(X)
    assert_type(model, SequenceGenerator)
    assert_type(model.sample([1, 2], length=3, top_k=2), Vector[np.int64] | Matrix[np.float64])
    of(model.sample([1, 2], length=3, top_k=2), "i8", 1)
    for token in model.iter_sample(length=3, random_state=0):
        assert_type(token, int | Vector[np.float64])
    strokes = SequenceGenerator(embedding_dim=None, n_components=2, hidden_size=4, max_iter=1, random_state=0)
    strokes.fit(waves())
    of(strokes.sample(length=3, bias=1.0, random_state=0), "f8", 2)
    assert_type(strokes.binary_features_, Vector[np.int64])
    assert_type(model.perplexity(X), float)
    assert_type(model.bits_per_token(X), float)
    assert_type(model.score(X), float)
    assert_type(model.n_tokens_, int)
    assert_type(model.transform(X), Objects)
    of(model.stream().step(1), "f8", 1)
    assert_type(tokenizer.inverse_transform([model.sample(length=3)]), list[str])


def decoders() -> None:
    tokens = [np.arange(6) % 4 for _ in range(8)]
    model = SequenceToSequence(hidden_size=4, max_iter=2, attention="additive").fit(tokens, tokens)
    assert_type(model, SequenceToSequence)
    assert_type(model.predict(tokens, beam_width=2), Objects)
    of(model.predict(tokens), "O", 1)
    assert_type(model.attention_weights(tokens), Objects)
    assert_type(model.transform(tokens), Matrix[Floats])
    of(model.transform(tokens), "f4", 2)
    assert_type(model.score(tokens, tokens), float)
    vectors = np.linspace(0, 1, 24).reshape(8, 3)
    captions = VectorToSequence(hidden_size=4, max_iter=2).fit(vectors, tokens)
    assert_type(captions, VectorToSequence)
    assert_type(captions.predict(vectors), Objects)
    of(captions.predict(vectors), "O", 1)
    assert_type(captions.score(vectors, tokens), float)


def odd_sequences() -> None:
    X = np.linspace(0, 1, 80).reshape(8, 10)
    model = SequenceOutlierDetector(method="forecast", hidden_size=4, max_iter=2).fit(X)
    assert_type(model, SequenceOutlierDetector)
    assert_type(model.offset_, float)
    assert_type(model.score_steps(X), Objects)
    assert_type(model.score_samples(X), Vector[np.float64])
    of(model.decision_function(X), "f8", 1)
    assert_type(model.predict(X), Vector[np.int64])
    of(model.predict(X), "i8", 1)
    autoencoder = SequenceAutoencoder(hidden_size=4, max_iter=2).fit(X)
    assert_type(autoencoder, SequenceAutoencoder)
    assert_type(autoencoder.transform(X), Matrix[Floats])
    of(autoencoder.transform(X), "f4", 2)
    of(autoencoder.inverse_transform(autoencoder.transform(X)), "f8", 2)
    assert_type(autoencoder.score(X), float)


def forecaster() -> None:
    y, months = load_air_passengers()
    assert_type(months, Months)
    model = SequenceForecaster(horizon=4, season=12, hidden_size=4, max_iter=1, shrinkage=None).fit(y[:-12])
    assert_type(model, SequenceForecaster)
    forecast = model.predict()
    assert isinstance(forecast, np.ndarray)  # type: ignore[misc]  # ndarray[Any, Any] is what NumPy calls it
    assert_type(forecast, Array[np.float64])
    of(forecast, "f8", 1)
    of(model.predict_quantiles(), "f8", 2)
    of(model.predict_interval(coverage=0.8), "f8", 2)
    assert_type(model.score(y[-12:-8]), float)
    report = model.backtest(y, metrics="mase")
    assert_type(report.scores, dict[str, dict[str, float]])
    assert_type(report.forecasts, Array[np.float64])
    of(report.forecasts, "f8", 2)
    assert_type(report.cutoffs, Vector[np.int64])
    of(report.cutoffs, "i8", 1)
    assert_type(model.update(y[-12:]), SequenceForecaster)
    assert_type(model.horizon_, int)
    assert_type(model.season_, list[int])
    assert_type(model.linear_coef_, Matrix[np.float64])
    of(model.linear_coef_, "f8", 2)
    paths = SequenceForecaster(horizon=4, season=12, max_iter=1, strategy="recursive", loss="gaussian").fit([y, y])
    of(paths.sample_paths(3), "f8", 3)


def online() -> None:
    model = OnlineClassifier(hidden_size=4, random_state=0)
    model.learn_one({"x": 1.0}, "a")
    model.learn_one({"x": 0.0}, "b")
    assert_type(model.predict_proba_one({"x": 1.0}), dict[Hashable, float])
    assert_type(model.predict_one({"x": 1.0}), Hashable | None)
    assert_type(model.clone(), OnlineClassifier)
    model.reset()
    numbers = OnlineRegressor(hidden_size=4, gradient="bptt")
    numbers.learn_one([0.5, 1.0], 1.0)
    assert_type(numbers.predict_one([0.5, 1.0]), float)


def transformers() -> None:
    X = waves()
    tokenizer = Tokenizer(max_characters=None).fit(["a cat", "a dog"])
    assert_type(tokenizer, Tokenizer)
    assert_type(tokenizer.transform(["a cat"]), Objects)
    of(tokenizer.transform(["a cat"]), "O", 1)
    assert_type(tokenizer.vocabulary_, dict[str, int])
    assert_type(tokenizer.get_feature_names_out(), Objects)
    scaler = SequenceScaler(by="channel").fit(X)
    assert_type(scaler, SequenceScaler)
    assert_type(scaler.transform(X), Array[Floats] | Objects)
    of(scaler.transform(X), "O", 1)
    of(scaler.fit_transform(panel()), "f8", 2)
    of(scaler.center_, "f8", 1)
    windows = SlidingWindow(size=4)
    assert_type(windows.fit_transform(X), Cube[Floats])
    of(windows.fit_transform(X), "f8", 3)
    assert_type(windows.origins(X), Matrix[np.int64])
    of(windows.origins(X), "i8", 2)
    padded, lengths = pad_sequences(X)
    assert_type(padded, Cube[np.float64])
    of(padded, "f8", 3)
    assert_type(lengths, Vector[np.int64])
    of(lengths, "i8", 1)
    assert_type(unpad_sequences(padded, lengths), Objects)
    of(from_channels_first([[[1.0, 2.0, 3.0]], [[4.0, 5.0, 6.0]]]), "O", 1)
    assert_type(to_channels_first(X), Cube[np.float64] | list[Matrix[np.float64]])
    assert_type(to_concatenated(X), tuple[Matrix[np.float64], Vector[np.int64]])
    assert_type(from_concatenated([1, 2, 3], [2, 1]), Objects)
    assert_type(from_nan_padded([[1.0, 2.0], [3.0, np.nan]]), Objects)


def layers() -> None:
    x = np.ones((2, 5, 3))
    output, (h, c) = LSTM(3, 4, peephole=True)(x)
    assert_type(output, Array[Floats])
    assert_type(c, Array[Floats])
    of(h, "f4", 3)
    output, (_, _, n, m) = SLSTM(3, 4, num_heads=2)(x)
    assert_type(output, Array[Floats])
    assert_type(n, Array[Floats])
    of(m, "f4", 3)
    gru = GRU(3, 4, dtype="float64", random_state=0)
    output, h = gru(x)
    of(output, "f8", 3)
    d_x, d_h = gru.backward(output)
    assert_type(d_x, Array[Floats] | None)
    of(d_h, "f8", 3)
    assert_type(gru.grads, dict[str, Array[Floats]])
    assert_type(gru.eval(), GRU)
    gru.load_state_dict(gru.state_dict())
    assert_type(RNN(3, 4, nonlinearity="relu")(x), tuple[Array[Floats], Array[Floats]])


def files() -> None:
    X, y = waves(), ["slow", "fast"] * 6

    def stop(progress: Progress) -> bool:
        return progress.epoch == 2 and progress.loss < 10

    with TemporaryDirectory() as folder:
        run, path = Path(folder) / "run.safetensors", f"{folder}/model.safetensors"
        clf = SequenceClassifier(hidden_size=4, max_iter=3, callbacks=[Checkpoint(run), stop], random_state=0).fit(X, y)
        fastrnn.save(clf, path)
        again = fastrnn.load(path)
        assert isinstance(again, SequenceClassifier)
        assert_type(again.predict_proba(X), Matrix[np.float64])
        watched = SequenceClassifier(hidden_size=4, max_iter=2, scoring="f1_macro", random_state=0)
        assert_type(watched.fit(X, y, X_val=X, y_val=y).validation_loss_curve_, list[float] | None)
        try:
            clf.fit(X, y, resume_from=run)
        except (DivergenceError, fastrnn.StorageError) as error:
            raise AssertionError from error
    assert_type(to_torch(clf), dict[str, Array[Floats]])
    assert_type(from_torch(SequenceClassifier(hidden_size=4), to_torch(clf), classes=clf.classes_), SequenceClassifier)
    assert_type(to_keras(clf), list[Array[Floats]])
    assert_type(from_keras(SequenceClassifier(hidden_size=4), to_keras(clf)), SequenceClassifier)
    assert_type(from_keras(GRU(1, 4), to_keras(clf)[:3]), GRU)
    assert_type(from_onnx(to_onnx(clf)), RNN | LSTM | GRU)
    assert_type(from_onnx(to_onnx(clf), ["recurrent_l0"], return_states=True)[0], RNN | LSTM | GRU)


def data() -> None:
    vowels, speakers = load_japanese_vowels(split="train")
    assert_type(vowels, list[Matrix[np.float64]])
    of(vowels[0], "f8", 2)
    assert_type(speakers, Vector[np.int64])
    of(speakers, "i8", 1)
    assert_type(make_adding_problem(4), tuple[Cube[np.float64], Vector[np.float64]])
    assert_type(make_binary_addition(4), tuple[Cube[np.float64], Matrix[np.int64]])
    assert_type(make_copy_memory(4), tuple[Matrix[np.int64], Matrix[np.int64]])
    assert_type(make_number_agreement(4), tuple[list[Vector[np.int64]], Vector[np.str_]])
    assert_type(make_number_agreement(4, as_words=True), tuple[list[list[str]], Vector[np.str_]])
    assert_type(NUMBER_AGREEMENT_VOCABULARY, tuple[str, ...])


def scores() -> None:
    y = [1.0, 3.0, 2.0, 5.0]
    assert_type(naive(y, 2), Array[np.float64])
    of(naive([y, y], 2), "f8", 2)
    of(drift(y, 2), "f8", 1)
    of(seasonal_naive(y, 2, season=2), "f8", 1)
    assert_type(mase([4.0], [5.0], y_train=y), float)
    assert_type(rmsse([4.0], [5.0], y_train=y), float)
    assert_type(smape([4.0], [5.0]), float)
    assert_type(mean_quantile_loss([4.0], [[3.0, 5.0]], quantiles=[0.1, 0.9]), float)
    assert_type(coverage([4.0], [[3.0, 5.0]]), float)
    assert_type(span_f1_score([["B-a", "O"]], [["B-a", "O"]], scheme="IOBES"), float)
    of(span_recall_score([["B-a", "O"]], [["B-a", "O"]], average=None), "f8", 1)
    make_tagging_scorer(span_f1_score, zero_division=0.0)


def several() -> None:
    X, y = waves(), ["slow", "fast"] * 6
    ensemble = SequenceEnsemble(SequenceClassifier(hidden_size=4, max_iter=2), 2, random_state=0)
    assert_type(ensemble.fit(X, y), "SequenceEnsemble[SequenceClassifier]")
    assert_type(ensemble.estimators_, list[SequenceClassifier])
    assert_type(
        ensemble.predict_proba(X, return_std=True), "tuple[Array[np.generic[object]], Array[np.generic[object]]]"
    )
    assert_type(ensemble.score(X, y), float)
    early = EarlyClassifier(SequenceClassifier(hidden_size=4, max_iter=2, bidirectional=False), cv=2)
    assert_type(early.fit(X, y), EarlyClassifier)
    labels, steps = early.predict(X, return_steps=True)
    assert_type(labels, Labels)
    of(steps, "i8", 1)
    assert_type(early.stream().n_steps, int)
    assert_type(early.score(X, y), float)
    with TemporaryDirectory() as folder:
        files = SequenceFiles.write(folder, [(X[:6], y[:6]), (X[6:], y[6:])])
        assert_type(files, SequenceFiles)
        clf = SequenceClassifier(hidden_size=4, max_iter=2).fit(files)
        assert_type(clf.predict(files), "Array[np.generic[object]]")
        assert_type(clf.score(files), float)


def explained() -> None:
    X, y = waves(), ["slow", "fast"] * 6
    clf = SequenceClassifier(hidden_size=4, max_iter=2, random_state=0).fit(X, y)
    owed = permutation_importance(clf, X, y, stretches=[(0.0, 0.5), (-3, None)], n_repeats=2, random_state=0)
    of(owed.importances, "f8", 2)
    assert_type(owed.importances_mean, Vector[np.float64])
    assert_type(owed.names, list[str])
    both = permutation_importance(clf, X, y, channels=[0], scoring=["accuracy", "neg_log_loss"], n_repeats=1)
    assert_type(both["accuracy"].importances_std, Vector[np.float64])
    hidden = occlusion(clf, X, window=3, target="slow", channels="all")
    assert_type(hidden.attributions, Objects)
    of(hidden.attributions, "O", 1)
    shared = integrated_gradients(clf, X[:2], target=y[:2], baseline=[0.5])
    assert_type(shared.targets, Labels)
    of(shared.predictions, "f8", 1)
    of(shared.baseline_predictions, "f8", 1)


def on_dask() -> None:
    # Partitions are Dask's, which has no types for what is in them.
    assert_type(DaskSequenceClassifier(partitions_at_once=1).to_local(), SequenceClassifier)
    assert_type(DaskSequenceRegressor(rounds="local").to_local(), SequenceRegressor)
    assert_type(DaskSequenceTagger(timeout=60).to_local(), SequenceTagger)
    assert_type(DaskSequenceForecaster(horizon=2).to_local(), SequenceForecaster)


def around() -> None:
    assert_type(fastrnn.__version__, str)
    fastrnn.show_versions()
    # Submodules need no import of their own.
    assert_type(fastrnn.online.OnlineRegressor(), OnlineRegressor)
    assert_type(fastrnn.metrics.smape([1.0], [1.0]), float)
