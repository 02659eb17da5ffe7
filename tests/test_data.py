"""Data larger than memory: files are read, written and refused; a fit on one is that of what it holds, to the bit."""

import os
import threading
import warnings
import zipfile
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file
from samples import letting_go_of
from sklearn.base import clone
from sklearn.model_selection import PredefinedSplit

import fastrnn
from fastrnn import (
    SequenceClassifier,
    SequenceForecaster,
    SequenceGenerator,
    SequenceRegressor,
    SequenceTagger,
    SequenceToSequence,
    VectorToSequence,
)
from fastrnn.base import files as fits
from fastrnn.base.agreement import agree, ask
from fastrnn.base.estimator import Problem
from fastrnn.data import Long, SequenceFiles, read_long
from fastrnn.epochs import draw_batches
from fastrnn.preprocessing import Tokenizer, to_long
from fastrnn.sequences import Given, Sequences, Text
from fastrnn.training import Checkpoint

N = 120
RNG = np.random.default_rng(0)
LENGTHS = RNG.integers(2, 12, N)
X = [RNG.standard_normal((T, 3)).astype(np.float32) + 5 for T in LENGTHS]
TOKENS = [RNG.integers(0, 9, T) for T in LENGTHS]
LABELS = np.array(["no", "yes", "maybe"])[np.arange(N) % 3]
FLAGS = np.stack([np.arange(N) % 2, np.arange(N) == N - 1], axis=1).astype(int)
NUMBERS = RNG.standard_normal(N)
STEPS = [np.where(x[:, 0] > 5, "up", "down") for x in X]
VALUES = [x[:, :2] for x in X]
MARKED = [np.column_stack([x[:, :2], x[:, 2] > 5]).astype(np.float32) for x in X]
TARGETS = [np.arange(1 + k % 3) for k in range(N)]
WEIGHTS = RNG.uniform(0.5, 2, N)
SMALL = {"hidden_size": 6, "max_iter": 3, "random_state": 0}
CASES = {
    "classifier": (SequenceClassifier(**SMALL), X, LABELS),
    "two classes, balanced": (SequenceClassifier(**SMALL, class_weight="balanced"), X, LABELS == "no"),
    "flags": (SequenceClassifier(**SMALL), X, FLAGS),
    "columns": (SequenceClassifier(**SMALL, class_weight="balanced"), X, np.column_stack([LABELS, FLAGS.astype(str)])),
    "tokens": (SequenceClassifier(**SMALL, embedding_dim=4, dropout=0.3), TOKENS, LABELS),
    "patches": (SequenceClassifier(**SMALL, patch_length=2), X, LABELS),
    "regressor": (SequenceRegressor(**SMALL), X, NUMBERS),
    "two numbers": (SequenceRegressor(**SMALL, normalize_X=False), X, np.stack([NUMBERS, NUMBERS**2], 1)),
    "a number a step": (SequenceRegressor(**SMALL, return_sequences=True), X, VALUES),
    "tagger": (SequenceTagger(**SMALL), X, STEPS),
    "crf": (SequenceTagger(**SMALL, crf=True, num_layers=2, dropout=0.2), X, STEPS),
    "seq2seq": (SequenceToSequence(**SMALL, embedding_dim=None, attention="dot"), X, TARGETS),
    "generator": (SequenceGenerator(**SMALL), TOKENS, None),
    "generator of numbers": (SequenceGenerator(embedding_dim=None, **SMALL), MARKED, None),
}


def parts(n, *data):
    """The data in n parts."""
    for k in range(n):
        yield tuple(None if d is None else d[k * N // n : (k + 1) * N // n] for d in data)


def written(folder, n, *data, **options):
    return SequenceFiles.write(folder / f"{n}", parts(n, *data), **options)


def equal(found, expected):
    assert len(found) == len(expected)
    return all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


# -------------------------------------------------------------------------------------------------- fits


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_a_fit_on_one_file_is_that_of_what_it_holds_to_the_bit(case, early_stopping, tmp_path):
    estimator, X, y = CASES[case]
    estimator = clone(estimator).set_params(early_stopping=early_stopping)
    whole = clone(estimator).fit(X) if y is None else clone(estimator).fit(X, y)
    files = written(tmp_path, 1, X, y)
    found = estimator.fit(files)
    assert (found.network_.theta == whole.network_.theta).all()
    assert (found.loss_curve_, found.validation_scores_) == (whole.loss_curve_, whole.validation_scores_)
    assert vars(found).keys() == vars(whole).keys()
    score = whole.score(X) if y is None else whole.score(X, y)
    assert found.score(files) == pytest.approx(score, abs=1e-12)


TEXTS = ["the cat sat", "a dog ran home", "no", "birds fly high above us", "one more text", "and a dog"] * 10


@pytest.mark.parametrize("tokenizer", [Tokenizer(), Tokenizer(level="char"), Tokenizer(max_characters=5),
                                       Tokenizer(max_characters=None)])  # fmt: skip
@pytest.mark.parametrize("options", [{}, {"embedding_dim": 8}])
def test_text_in_files_is_read_as_text(tokenizer, options, tmp_path):
    text, y = tokenizer.fit_transform(TEXTS), np.arange(60) % 3 == 0
    files = SequenceFiles.write(tmp_path / "files", [(text, y)])
    clf = SequenceClassifier(**{**SMALL, "max_iter": 1}, **options)
    whole, found = clone(clf).fit(text, y), clone(clf).fit(files)
    assert found.network_.theta.tobytes() == whole.network_.theta.tobytes()
    assert found.network_.embedding is not None
    assert (found.predict_proba(files) == whole.predict_proba(text)).all()
    arrays = dict(np.load(files.paths[0]))
    save_file({name: arrays[name] for name in arrays}, files.paths[0].with_suffix(".safetensors"))
    files.paths[0].unlink()
    again = clone(clf).fit(SequenceFiles(tmp_path / "files"))
    assert again.network_.theta.tobytes() == whole.network_.theta.tobytes()


def test_it_says_where_it_is(tmp_path):
    files = SequenceFiles.write(tmp_path / "parts", [([np.ones((2, 1))],), ([np.ones((3, 1))],)])
    assert repr(files) == f"SequenceFiles({str(tmp_path / 'parts')!r}) of 2 files"


def test_text_in_several_files(tmp_path):
    text, y = Tokenizer().fit_transform(TEXTS), np.arange(60) % 3 == 0
    files = SequenceFiles.write(tmp_path / "files", [(text[k : k + 20], y[k : k + 20]) for k in (0, 20, 40)])
    clf = SequenceClassifier(**SMALL).fit(files)
    assert (clf.predict_proba(files) == clf.predict_proba(text)).all()


def test_rare_tokens_are_those_of_all_files_and_each_window_hides_its_own(tmp_path, monkeypatch):
    text, hidden = Tokenizer(max_characters=None).fit_transform(TEXTS), []
    of_epoch = Text.of_epoch

    def noted(self, epoch):
        some = of_epoch(self, epoch)
        hidden.append((self.values, some.values == 0))
        return some

    monkeypatch.setattr(Text, "of_epoch", noted)
    halves = [(text[k : k + 30], [0, 1] * 15) for k in (0, 30)]
    files = SequenceFiles.write(tmp_path / "files", halves, window=1)
    clf = SequenceClassifier(**{**SMALL, "max_iter": 400}, embedding_dim=2, dropout=0.1, tol=None)
    clf.set_params(batch_size=30).fit(files)
    tokens, masks = (np.array(part) for part in zip(*hidden, strict=True))
    assert (tokens[0] == tokens[1]).all() and (masks[0::2] != masks[1::2]).any()
    counts = np.bincount(np.concatenate(text))
    expected = (0.25 / (0.25 + counts[tokens[0]])).sum()
    assert masks.sum() / len(masks) == pytest.approx(expected, rel=0.1)


def test_weights_are_those_in_the_file(tmp_path):
    for estimator, y in ((SequenceClassifier(**SMALL), LABELS), (SequenceRegressor(**SMALL), NUMBERS)):
        whole = clone(estimator).fit(X, y, WEIGHTS)
        files = written(tmp_path / type(estimator).__name__, 1, X, y, WEIGHTS)
        found = estimator.fit(files)
        assert (found.network_.theta == whole.network_.theta).all()
        assert found.score(files) == whole.score(X, y, WEIGHTS)
    of_steps = [np.linspace(0.5, 1, len(x)) for x in X]
    whole = SequenceTagger(**SMALL).fit(X, STEPS, of_steps)
    files = written(tmp_path / "steps", 1, X, STEPS, of_steps)
    assert (SequenceTagger(**SMALL).fit(files).network_.theta == whole.network_.theta).all()
    several = written(tmp_path / "steps", 5, X, STEPS, of_steps)
    assert whole.score(several) == pytest.approx(whole.score(X, STEPS, of_steps))


@pytest.mark.parametrize("case", CASES)
def test_several_files_say_together_what_one_says(case, tmp_path):
    """All that is agreed upon, and answers and scores."""
    estimator, X, y = CASES[case]
    whole = clone(estimator).fit(X) if y is None else clone(estimator).fit(X, y)
    files = written(tmp_path, 7, X, y)
    found = clone(estimator).fit(files)
    for name in {*vars(whole)} & {"classes_", "n_tokens_", "n_target_tokens_", "max_length_", "_sizes", "_shape"}:
        one, other = getattr(found, name), getattr(whole, name)
        assert equal(one, other) if isinstance(other, list) else np.array_equal(one, other), name
    if hasattr(whole, "_X_mean"):
        np.testing.assert_allclose(found._X_mean, whole._X_mean, rtol=1e-12)
        np.testing.assert_allclose(found._X_scale, whole._X_scale, rtol=1e-12)
    score = found.score(X) if y is None else found.score(X, y)
    assert found.score(files) == pytest.approx(score, abs=1e-12)
    for method in ("predict", "predict_proba", "predict_log_proba", "transform"):
        if hasattr(found, method):
            assert equal(getattr(found, method)(files), getattr(found, method)(X)), method


def test_bits_depend_on_seed_and_files_alone(tmp_path):
    files = written(tmp_path, 6, X, LABELS, window=2)
    options = {**SMALL, "batch_size": 16, "dropout": 0.2, "early_stopping": True, "validation_fraction": 0.3}
    first = SequenceClassifier(**options, n_jobs=1).fit(files)
    again = SequenceClassifier(**options, n_jobs=2).fit(SequenceFiles(tmp_path / "6", window=2))
    assert (first.network_.theta == again.network_.theta).all() and first.loss_curve_ == again.loss_curve_
    other = SequenceClassifier(**options).fit(SequenceFiles(tmp_path / "6", window=3))
    assert (first.network_.theta != other.network_.theta).any()


def test_it_learns_also_where_classes_are_sorted_by_file(tmp_path):
    order = np.argsort(LABELS, kind="stable")
    shifted = [x + 2.0 * "nym".index(label[0]) for x, label in zip(X, LABELS, strict=True)]
    files = written(tmp_path, 6, [shifted[k] for k in order], LABELS[order])
    clf = SequenceClassifier(hidden_size=8, max_iter=30, batch_size=8, random_state=0).fit(files)
    assert clf.score(files) > 0.95


def test_updates_are_counted_as_windows_make_them(tmp_path):
    """A window of few sequences is a small batch: "auto" epochs and decay go by the batches that there are."""
    tokens = [np.arange(3) + k % 90 for k in range(N)]
    model = SequenceClassifier(hidden_size=4, embedding_dim=4, random_state=0)
    once, often = (clone(model).fit(written(tmp_path / f"{n}", n, tokens, LABELS, window=1))._trainer for n in (1, 40))
    steps = [t.settings.max_iter * n_batches for t, n_batches in ((once, 4), (often, 40))]
    assert steps[0] == pytest.approx(steps[1], rel=0.03)
    assert once.settings.alpha * steps[0] == pytest.approx(often.settings.alpha * steps[1])


@pytest.mark.parametrize("window", [1, 4])
def test_long_texts_in_files_are_no_stream(window, tmp_path):
    """In memory so few would be one; but of files nobody sees all at once, and a window is not the data."""
    texts = [RNG.integers(0, 5, 2048) for _ in range(N)]
    generator = SequenceGenerator(
        hidden_size=2, embedding_dim=2, max_iter=1, batch_size=4, bptt_steps=8, random_state=0
    )
    files = SequenceFiles.write(tmp_path / "texts", ((texts[k : k + 1],) for k in range(4)), window=window)
    found, expected = (clone(generator).set_params(stateful=stateful).fit(files) for stateful in ("auto", False))
    assert (found.network_.theta == expected.network_.theta).all() and found.loss_curve_ == expected.loss_curve_
    assert generator.fit(texts[:4])._boundary is None


def test_an_epoch_draws_each_sequence_once_and_each_window_after_another():
    sizes, lengths = [5, 3, 8, 1, 7], RNG.integers(1, 9, 24)
    for shuffle in (True, False):
        plan = fits.draw_in_windows(sizes, 2, lengths, 4, shuffle, np.random.RandomState(0))
        assert sorted(np.concatenate(plan).tolist()) == [*range(24)]
        assert sorted(np.concatenate([places for places, _ in plan.windows]).tolist()) == [*range(5)]
        assert [len(places) for places, _ in plan.windows] == [2, 2, 1]
        whose = np.repeat(np.arange(5), sizes)
        batches = iter(plan)
        for places, own in plan.windows:
            for batch in own:
                assert {*whose[next(batches)]} <= {*places} and len(batch) <= 4
    one = fits.draw_in_windows([24], 4, lengths, 4, True, np.random.RandomState(0))
    assert equal(one, draw_batches(lengths, 4, True, np.random.RandomState(0)))


def test_two_windows_at_most_are_in_memory(tmp_path, monkeypatch):
    files, there, most = written(tmp_path, 8, X, LABELS, window=2), [], []
    read = fits.Windows._problem

    class Noted(list):
        """What can be referred to weakly."""

    def noted(self, places):
        import weakref

        problem = read(self, places)
        sequences = problem[0].sequences
        there.append(weakref.ref(sequences))
        most.append(sum(ref() is not None for ref in there))
        return problem

    monkeypatch.setattr(fits.Windows, "_problem", noted)
    clf = SequenceClassifier(**SMALL, early_stopping=True, validation_fraction=0.3).fit(files)
    assert len(most) > 8 and max(most) <= 2
    assert clf.n_iter_ == 3
    assert not [t for t in threading.enumerate() if "ThreadPool" in t.name]


@pytest.mark.parametrize("case", CASES)
def test_a_part_that_was_asked_is_let_go_at_once(case):
    estimator, *data = CASES[case]
    with letting_go_of(type(estimator)):
        agree(lambda answers: [ask(estimator, answers, *data, None)])


@pytest.mark.parametrize("ends", [False, True])
def test_windows_are_let_go_with_the_fit(ends, tmp_path):
    files = written(tmp_path, 5, X, LABELS, window=2)

    def leave(progress):
        if ends:
            raise RuntimeError("enough")

    with letting_go_of(Problem, Sequences), pytest.raises(RuntimeError) if ends else nullcontext():
        SequenceClassifier(**SMALL, callbacks=[leave]).fit(files)


def test_what_fits_into_one_window_is_read_once(tmp_path, monkeypatch):
    files, calls = written(tmp_path, 4, X, LABELS), []
    read = fits.Windows._problem
    monkeypatch.setattr(fits.Windows, "_problem", lambda self, places: calls.append(places) or read(self, places))
    SequenceClassifier(**SMALL, early_stopping=True).fit(files)
    assert len(calls) == 1


def test_callbacks_checkpoints_and_files_of_the_model(tmp_path):
    files, path = written(tmp_path, 3, X, LABELS), tmp_path / "run.safetensors"
    told = []
    clf = SequenceClassifier(**SMALL, callbacks=[Checkpoint(path), told.append]).fit(files)
    assert [progress.epoch for progress in told] == [1, 2, 3]
    assert (fastrnn.load(path).predict_proba(files) == clf.predict_proba(files)).all()
    clf.set_params(callbacks=None)
    fastrnn.save(clf, path)
    assert equal(fastrnn.load(path).predict(X), clf.predict(files))
    with pytest.raises(ValueError, match="resume_from does not go with"):
        SequenceClassifier(**SMALL).fit(files, resume_from=path)


def test_partial_fit_goes_on_with_what_a_file_holds(tmp_path):
    files = written(tmp_path, 3, X, LABELS)
    clf = SequenceClassifier(**SMALL).fit(files)
    with pytest.raises(ValueError, match=r"give it each file in turn, partial_fit\(\*X.read\(k\)\)"):
        clf.partial_fit(files, None)
    some, y, _ = files.read(1)
    assert clf.partial_fit(some, y).n_iter_ == 4


@pytest.mark.parametrize("case", ["classifier", "two classes, balanced", "regressor", "a number a step", "tagger"])
def test_a_file_whose_weights_are_all_zero_counts_for_nothing(case, tmp_path):
    estimator, X, y = CASES[case]
    weights = np.repeat([1.0, 0.0, 2.0], N // 3)
    estimator = clone(estimator).set_params(max_iter="auto", batch_size=N)
    files = written(tmp_path, 3, X, y, weights)
    fitted = clone(estimator).fit(files)
    whole = clone(estimator).fit(X, y, weights)
    assert np.allclose(fitted.loss_curve_[:3], whole.loss_curve_[:3], rtol=1e-3)
    assert fitted.score(files) == pytest.approx(fitted.score(X, y, weights))
    nothing = SequenceFiles.write(tmp_path / "nothing", [(X, y, np.zeros(N))])
    for method in (clone(estimator).fit, fitted.score):
        with pytest.raises(ValueError, match="all weights are zero; at least one sequence needs a positive weight"):
            method(nothing)


@pytest.mark.parametrize("case", ["classifier", "flags", "columns", "regressor", "tagger", "crf", "seq2seq"])
def test_what_is_held_out_without_a_weight_is_not_scored(case, tmp_path, capsys):
    estimator, X, y = CASES[case]
    estimator = clone(estimator).set_params(early_stopping=True)
    files = written(tmp_path, 3, X, y, np.repeat([1.0, 0.0, 2.0], N // 3), window=1)
    fitted = clone(estimator).fit(files)
    assert np.isfinite([*fitted.validation_scores_, *fitted.validation_loss_curve_]).all()
    estimator.set_params(validation_fraction=PredefinedSplit(np.where(np.arange(N) < 99, -1, 0)), callbacks=[print])
    with pytest.raises(ValueError, match="what is held out has no target with a weight"):
        estimator.fit(X, y, (np.arange(N) < 99).astype(float))
    assert not capsys.readouterr().out  # before any epoch


def test_files_without_a_target_in_what_is_held_out(tmp_path):
    y = [np.full(len(x), np.nan) if k < N // 3 else x[:, 0] for k, x in enumerate(X)]
    reg = SequenceRegressor(**SMALL, return_sequences=True, early_stopping=True)
    assert np.isfinite(reg.fit(written(tmp_path, 3, X, y, window=1)).validation_scores_).all()


@pytest.mark.parametrize("turn", [1, -1])
def test_targets_of_files_with_sequences_of_one_length(turn, tmp_path):
    """They may be an array there, and a list in a file of others."""
    pairs = [np.stack([x[:2] for x in X[:60]]), X[60:]], [np.stack([y[:2] for y in STEPS[:60]]), STEPS[60:]]
    parts = [*zip(*pairs, strict=True)][::turn]
    whole = SequenceTagger(**SMALL).fit(*([*a, *b] for a, b in zip(*parts, strict=True)))
    found = SequenceTagger(**SMALL).fit(SequenceFiles.write(tmp_path / "some", parts))
    assert found.loss_curve_ == pytest.approx(whole.loss_curve_, rel=0.1)


@pytest.mark.parametrize("case", ["regressor", "a number a step"])
def test_the_validation_score_of_a_regressor_is_about_the_mean_of_all_files(case, tmp_path):
    estimator, X, y = CASES[case]
    order = np.argsort(NUMBERS)
    files = written(tmp_path, 6, [X[k] for k in order], [y[k] for k in order])
    # With so small a rate the weights are those that they began with, whichever window comes first.
    reg = clone(estimator).set_params(early_stopping=True, learning_rate_init=1e-9)
    whole, by_file = (clone(reg).fit(SequenceFiles(files.paths[0].parent, window=n)) for n in (6, 1))
    assert by_file.validation_scores_ == pytest.approx(whole.validation_scores_, abs=1e-5)


def test_a_check_warns_once_and_of_the_caller(tmp_path):
    tokens = [np.random.RandomState(k).randint(0, 30, 20) for k in range(N)]
    files = written(tmp_path, 3, tokens, LABELS, window=1)
    with pytest.warns(UserWarning, match="look like tokens") as found:
        SequenceClassifier(**SMALL).fit(files)
    assert [w.filename for w in found] == [__file__]


def test_files_too_small_for_a_share_of_each_class_hold_some_out(tmp_path):
    y = np.arange(N) % 9
    clf = SequenceClassifier(**SMALL, early_stopping=True).fit(written(tmp_path, 3, X, y))
    assert len(clf.validation_scores_) == 3
    with pytest.raises(ValueError, match="holds out 4 of 40 sequences: .* classes"):
        clone(clf).fit(X[:40], y[:40])
    with pytest.raises(ValueError, match="000000.npz: validation_fraction=0.1 holds out 2 of 1 sequences"):
        clone(clf).fit(SequenceFiles.write(tmp_path / "one", [(X[k : k + 1], y[k : k + 1]) for k in range(9)]))


# -------------------------------------------------------------------------------------------------- files


def test_what_is_written_is_read(tmp_path):
    for name, (data, y) in {
        "labels": (X, LABELS), "list": (X, LABELS.tolist()), "series": (X, pd.Series(LABELS)), "tokens": (TOKENS, None),
        "steps": (X, STEPS), "numbers": (X, NUMBERS), "rows": (VALUES, VALUES), "bools": (X, NUMBERS > 0),
        "doubles": ([x.astype(float).tolist() for x in X], None),
    }.items():  # fmt: skip
        files = SequenceFiles.write(tmp_path / name, [(data, y)])
        found, targets, weights = files.read(0)
        assert equal(found, [np.asarray(x) for x in data]) and weights is None
        assert found[0].ndim == np.ndim(data[0])
        assert (targets is None) == (y is None)
        assert y is None or equal(targets, y)
    names = sorted(path.name for path in written(tmp_path, 12, X).paths)
    assert names[:2] == ["000000.npz", "000001.npz"] and len(names) == 12


def test_plain_values_are_mapped_and_those_of_compressed_files_read(tmp_path):
    flat = np.concatenate(X)
    arrays = {"values": flat, "offsets": np.append(0, np.cumsum(LENGTHS)), "y": NUMBERS}
    np.savez(tmp_path / "a.npz", **arrays)
    np.savez_compressed(tmp_path / "b.npz", **arrays)
    np.savez(tmp_path / "c.npz", **{**arrays, "values": np.asfortranarray(flat)})
    save_file(arrays, tmp_path / "d.safetensors")
    files = SequenceFiles(tmp_path)
    assert isinstance(files.read(0)[0][0].base.base, np.memmap)
    for k in range(4):
        assert equal(files.read(k)[0], X) and equal(files.read(k)[1], NUMBERS)
    assert SequenceRegressor(**SMALL).fit(files).predict(files).shape == (4 * N,)


def test_times_of_a_long_table_go_with_their_steps():
    frame = pd.DataFrame({"who": [0, 0, 0, 1], "when": ["Feb", "Jan", "Mar", "Jan"], "x": [1.0, 0.0, 2.0, 5.0]})
    frame["when"] = pd.Categorical(frame["when"], ["Jan", "Feb", "Mar"], ordered=True)
    X, y, _ = read_long(frame.assign(y=frame["x"]), Long("who", "when", "y", True))
    assert [x.index.tolist() for x in X] == [["Jan", "Feb", "Mar"], ["Jan"]]
    assert [x["x"].tolist() for x in X] == [each.tolist() for each in y] == [[0.0, 1.0, 2.0], [5.0]]


def test_long_tables_in_parquet_files(tmp_path):
    frame = to_long([x.astype(float) for x in X], columns=["a", "b", "c"])
    frame["y"] = np.repeat(LABELS, LENGTHS)
    shuffled = frame.sample(frac=1, random_state=0)
    shuffled.to_parquet(tmp_path / "one.parquet")
    found, y, _ = SequenceFiles(tmp_path).read(0)
    order = shuffled["unique_id"].unique()
    assert equal(found, [X[k] for k in order]) and equal(y, LABELS[order])
    with_steps = frame.assign(y=np.concatenate(STEPS)).rename(columns={"unique_id": "who", "ds": "when", "y": "tag"})
    with_steps.to_parquet(tmp_path / "one.parquet")
    names = {"id_col": "who", "time_col": "when", "target_col": "tag"}
    with pytest.raises(ValueError, match=r"one.parquet: who \d+ has several values in tag"):
        SequenceFiles(tmp_path, **names).read(0)
    files = SequenceFiles(tmp_path, **names, return_sequences=True)
    found, y, _ = files.read(0)
    assert equal(found, X) and equal(y, STEPS)
    whole = SequenceTagger(**SMALL).fit([x.astype(float) for x in X], STEPS)
    assert (SequenceTagger(**SMALL).fit(files).network_.theta == whole.network_.theta).all()
    frame.drop(columns="y").to_parquet(tmp_path / "one.parquet")
    assert SequenceFiles(tmp_path).read(0)[1] is None


def test_files_with_names_of_columns_beside_files_without(tmp_path):
    frame = to_long([x.astype(float) for x in X], columns=["a", "b", "c"])
    frame.assign(y=np.repeat(LABELS, LENGTHS)).to_parquet(tmp_path / "a.parquet")
    written(tmp_path, 1, X, LABELS).paths[0].rename(tmp_path / "b.npz")
    with pytest.raises(ValueError, match=r"b.npz has feature_names_in=None, but a.parquet has \['a' 'b' 'c'\]"):
        SequenceClassifier(**SMALL).fit(SequenceFiles(tmp_path, window=1))


# -------------------------------------------------------------------------------------------------- errors


def test_there_must_be_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file that ends in .npz, .safetensors, .parquet"):
        SequenceFiles(tmp_path)
    with pytest.raises(FileNotFoundError):
        SequenceFiles(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="window must be an integer >= 1; got 0"):
        written(tmp_path, 1, X, window=0)


@pytest.mark.parametrize("part, message", {
    "no tuple": (X, r"parts\[0\] is a list; expected \(X,\), \(X, y\) or"),
    "fewer targets": ((X, LABELS[:5]), r"y of parts\[0\] has 5 entries for 120 sequences"),
    "objects": ((X, [object()] * N), r"y of parts\[0\] holds object values"),
    "several kinds": ((X, ["a", 1] * (N // 2)), r"y of parts\[0\] holds .*several kinds"),
    "too large": ((X[:2], [2**64, 1]), r"y of parts\[0\] holds integers such as 1844.*, and 64 bits do not hold all"),
    "no sequences": (([],), r"X of parts\[0\] is empty"),
    "texts": ((["abc"],), r"X of parts\[0\]\[0\] holds texts"),
}.values())  # fmt: skip
def test_what_cannot_be_written_is_named(part, message, tmp_path):
    with pytest.raises((ValueError, TypeError), match=message):
        SequenceFiles.write(tmp_path / "new", [part])


def test_large_integers_stay_what_they_are(tmp_path):
    ids = [2**63 + 1, 5]
    assert SequenceFiles.write(tmp_path / "labels", [(X[:2], ids)]).read(0)[1].tolist() == ids
    rows = [[label] * len(x) for label, x in zip(ids, X[:2], strict=True)]
    read = SequenceFiles.write(tmp_path / "steps", [(X[:2], rows)]).read(0)[1]
    assert [row.tolist() for row in read] == rows


def test_a_write_that_is_broken_off_leaves_no_folder_that_passes_for_whole(tmp_path):
    class Killed(BaseException):
        pass

    seen = []

    def some():
        yield X, LABELS
        seen.extend(path.name for path in (tmp_path / "new").iterdir())
        raise Killed

    with pytest.raises(Killed):
        SequenceFiles.write(tmp_path / "new", some())
    assert len(seen) == 1
    assert not seen[0].endswith((".npz", ".safetensors", ".parquet"))  # what a process that is killed would leave
    assert not [*(tmp_path / "new").iterdir()]
    assert len(SequenceFiles.write(tmp_path / "new", parts(3, X, LABELS)).paths) == 3


def test_a_folder_that_is_not_empty_stays_as_it_is(tmp_path):
    files = written(tmp_path, 1, X, LABELS)
    with pytest.raises(ValueError, match="is not empty: name a new folder"):
        written(tmp_path, 1, X)
    assert files.read(0)[1] is not None


def broken(kind, path):
    arrays = dict(np.load(path))
    if kind == "cut":
        path.write_bytes(path.read_bytes()[:-200])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "no values":
        np.savez(path, offsets=arrays["offsets"])
    elif kind == "offsets":
        np.savez(path, **{**arrays, "offsets": arrays["offsets"][:-1]})
    elif kind == "objects":
        np.savez(path, **{**arrays, "values": arrays["values"].astype(object)})
    elif kind == "pickled targets":
        np.savez(path, **{**arrays, "y": arrays["y"].astype(object)})
    elif kind == "NaN":
        arrays["values"][7] = np.nan
        np.savez(path, **arrays)
    elif kind == "width":
        np.savez(path, **{**arrays, "values": arrays["values"][:, :2]})
    elif kind == "no targets":
        np.savez(path, values=arrays["values"], offsets=arrays["offsets"])
    elif kind == "fewer targets":
        np.savez(path, **{**arrays, "y": arrays["y"][1:]})


BROKEN = {
    "cut": "it is no archive of arrays", "empty": "",
    "no values": r"it has the arrays \['offsets'\]; expected 'values'",
    "offsets": "its offsets for 'values' are .* expected rising integers from 0",
    "objects": "is no array of numbers or text",
    "pickled targets": "is no array of numbers or text", "NaN": r"X\[\d+\] contains NaN",
    "width": "has n_features_in=2, but 000000.npz",
    "no targets": "requires y to be passed", "fewer targets": "y has fewer entries than X",
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_named_before_training_begins(kind, tmp_path, monkeypatch):
    path = written(tmp_path, 4, X, LABELS).paths[2]
    broken(kind, path)
    monkeypatch.setattr(fits.Windows, "__init__", None)
    with pytest.raises(ValueError, match=rf"(?s)000002.npz.*{BROKEN[kind]}"):
        SequenceClassifier(**SMALL).fit(SequenceFiles(path.parent))


def test_a_broken_file_of_safetensors_or_parquet_is_named(tmp_path):
    for name in ("a.safetensors", "a.parquet"):
        folder = tmp_path / name[2:]
        folder.mkdir()
        (folder / name).write_bytes(b"nothing of the kind")
        with pytest.raises(ValueError, match=name):
            SequenceFiles(folder).read(0)


def test_a_file_that_changes_is_noticed(tmp_path):
    files = written(tmp_path, 6, X, LABELS, window=2)

    def change(progress):
        for path in files.paths:
            os.utime(path, (1, 1))

    clf = SequenceClassifier(**SMALL, callbacks=[change])
    with pytest.raises(ValueError, match=r"00000\d.npz: it has changed since SequenceFiles looked at the folder"):
        clf.fit(files)
    assert not hasattr(clf, "network_")
    files.paths[0].unlink()
    with pytest.raises(ValueError, match=r"000000.npz.*No such file"):
        SequenceClassifier(**SMALL).fit(files)


def test_what_does_not_go_with_files_is_said(tmp_path):
    files = written(tmp_path, 2, X, LABELS)
    clf = SequenceClassifier(**SMALL).fit(files)
    for call in (clf.fit, clf.score):
        with pytest.raises(ValueError, match="hold y as well: leave y out here"):
            call(files, LABELS)
        with pytest.raises(ValueError, match="hold sample_weight as well"):
            call(files, None, WEIGHTS)
    for estimator, message in (
        (SequenceClassifier(solver="lbfgs"), "solver='lbfgs', which reads all data at once, does not go with"),
        (clf.set_params(warm_start=True), "warm_start=True on a fitted model does not go"),
        (SequenceGenerator(stateful=True), "stateful=True, which reads one stream, does not go"),
    ):
        with pytest.raises(ValueError, match=message):
            estimator.fit(files)
    with pytest.raises(ValueError, match="SequenceToSequence reads"):
        VectorToSequence().fit(files, None)
    with pytest.raises(ValueError, match="a forecaster reads series"):
        SequenceForecaster(horizon=1).fit(files)


def test_targets_must_be_there_and_classes_in_some_file(tmp_path):
    files = written(tmp_path, 2, X)
    with pytest.raises(ValueError, match="000000.npz: SequenceClassifier requires y"):
        SequenceClassifier(**SMALL).fit(files)
    with pytest.raises(ValueError, match="requires y to be passed"):
        SequenceClassifier(**SMALL).fit(X)
    clf = SequenceClassifier(**SMALL).fit(X, LABELS)
    assert equal(clf.predict(files), clf.predict(X))
    ones = SequenceFiles.write(tmp_path / "ones", parts(2, X, np.ones(N, int)))
    with pytest.raises(ValueError, match="y has 1 class"):
        SequenceClassifier(**SMALL).fit(ones)


def test_all_files_have_weights_or_none(tmp_path):
    files = SequenceFiles.write(tmp_path / "some", [(X[:60], LABELS[:60]), (X[60:], LABELS[60:], np.ones(60))])
    with pytest.raises(ValueError, match="000001.npz: some files have sample_weight, and others none"):
        SequenceClassifier(**SMALL).fit(files)
    of_steps = X[60:], STEPS[60:], [np.ones(len(x)) for x in X[60:]]
    files = SequenceFiles.write(tmp_path / "steps", [(X[:60], STEPS[:60], np.ones(60)), of_steps])
    with pytest.raises(ValueError, match="000001.npz: some files have sample_weight, and others .* of another kind"):
        SequenceTagger(**SMALL).fit(files)


def test_a_training_that_changes_hardly_warns_as_others_do(tmp_path):
    noise = np.random.default_rng(1).standard_normal(N)
    files = written(tmp_path, 2, X, noise)
    reg = SequenceRegressor(hidden_size=2, learning_rate_init=1e-6, random_state=0, batch_size=1)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        reg.fit(files)
    assert ["little was learned" in str(w.message) and w.filename == __file__ for w in seen] == [True]


def test_nothing_in_a_file_is_run(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("values.npy", b"cos\nsystem\n(S'true'\ntR.")
        archive.writestr("offsets.npy", b"nothing")
    with pytest.raises(ValueError, match=r"a\.npz"):
        SequenceFiles(tmp_path).read(0)


def test_what_is_no_array_is_told_in_our_words(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(b"junk" * 100)
    with pytest.raises(ValueError, match=r"a\.npz: it is no archive of arrays") as found:
        SequenceFiles(tmp_path).read(0)
    assert "pickle" not in str(found.value)
    np.savez(path, values=np.ones(3), offsets=[0, 3], y=np.array([None]))
    with pytest.raises(ValueError, match=r"a\.npz: its 'y' is no array of numbers or text") as found:
        SequenceFiles(tmp_path).read(0)
    assert "pickle" not in str(found.value)


def test_steps_are_looked_at_once_before_training(tmp_path, monkeypatch):
    files, looked = written(tmp_path, 3, X, LABELS), []
    blocks = Given.blocks
    monkeypatch.setattr(Given, "blocks", lambda self: looked.append(len(self)) or blocks(self))
    SequenceClassifier(**SMALL, patch_length=1).fit(files)
    assert looked == [40] * 3 + [120]  # for the mean, file by file; and the window


def test_not_a_number_is_found_before_training_also_where_nothing_counts(tmp_path, monkeypatch):
    wrong = [np.full_like(X[0], np.nan), *X[1:]]
    weights = np.append(0.0, np.ones(N - 1))
    files = written(tmp_path, 2, wrong, LABELS, weights)
    monkeypatch.setattr(fits.Windows, "__init__", None)
    for normalize_X in (True, False):
        with pytest.raises(ValueError, match=r"000000.npz: X\[0\] contains NaN"):
            SequenceClassifier(**SMALL, normalize_X=normalize_X).fit(files)
