"""SequenceTranscriber as its users meet it; what it has in common with others is in test_base."""

import pickle
from itertools import product

import numpy as np
import pandas as pd
import pytest
from alignments import spread
from samples import assert_refused, assert_refused_by_new, assert_same_bits, run_script
from scipy.special import log_softmax
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

import fastrnn
from fastrnn import SequenceGenerator, SequenceTranscriber
from fastrnn.data import SequenceFiles
from fastrnn.inspection import ProbabilitiesDisplay, occlusion
from fastrnn.layers.ctc import Alignments
from fastrnn.preprocessing import Tokenizer
from fastrnn.sequences import Sequences
from fastrnn.training import Checkpoint

DIGITS, NAMES = load_digits(return_X_y=True)


def rows_of_digits(n, chosen, longest=5, seed=0):
    """Images (T, 8) of digits side by side with random gaps, read column by column, and the digits."""
    rng, X, y = np.random.RandomState(seed), [], []
    for _ in range(n):
        images, parts = rng.choice(chosen, rng.randint(1, longest + 1)), [np.zeros((rng.randint(4), 8))]
        for k in images:
            parts += [DIGITS[k].reshape(8, 8).T, np.zeros((rng.randint(4), 8))]
        X.append(np.concatenate(parts))
        y.append(NAMES[images])
    return X, y


def events(n, seed=0, shortest=6):
    """Steps (T, 3) of noise and of events a, b and c, and a str of these."""
    rng, X, y = np.random.RandomState(seed), [], []
    for T in rng.randint(shortest, 15, n):
        which = rng.choice(4, T, p=[0.7, 0.1, 0.1, 0.1])
        which[1:][which[1:] == which[:-1]] = 0
        X.append(np.eye(4)[which][:, 1:] + 0.1 * rng.standard_normal((T, 3)))
        y.append("".join("abc"[k - 1] for k in which if k))
    return X, y


def small(**options):
    return SequenceTranscriber(**{"hidden_size": 8, "max_iter": 2, "random_state": 0, **options})


def learner(**options):
    return small(**{"hidden_size": 16, "max_iter": 40, "learning_rate_init": 0.02, **options})


def texts(arrays):
    return ["".join(labels) for labels in arrays]


def edits(said, truth):
    """Levenshtein's distance."""
    row = [*range(len(truth) + 1)]
    for i, a in enumerate(said, 1):
        before, row[0] = row[:], i
        for j, b in enumerate(truth, 1):
            row[j] = min(before[j - 1] + (a != b), before[j] + 1, row[j - 1] + 1)
    return row[-1]


# ---------------------------------------------------------------------------- it learns


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_it_learns_which_events_come(cell):
    model = learner(cell=cell, bidirectional=False).fit(*events(150))
    X, y = events(60, seed=1)
    assert model.score(X, y) > 0.95
    assert model.classes_.tolist() == ["a", "b", "c"] and model.n_features_in_ == 3
    assert model.loss_curve_[-1] < model.loss_curve_[0] / 4


def test_it_reads_rows_of_digits():
    """Of images it has not seen; `python -m benchmarks.quality.transcribing` has the whole, with a stream."""
    train, test = np.arange(0, 1300), np.arange(1300, 1797)
    model = small(hidden_size=48, max_iter=20, learning_rate_init=0.01).fit(*rows_of_digits(600, train))
    assert model.score(*rows_of_digits(200, test, 8, seed=1)) > 0.9


def test_tokens_and_labels_that_are_words():
    rng = np.random.RandomState(0)
    X = [rng.choice(["la", "la", "ba", "du"], rng.randint(3, 9)) for _ in range(150)]
    y = [[word.upper() for word in x if word != "la"] for x in X]
    # Equal words one after the other have no blank between them.
    kept = [k for k, own in enumerate(y) if own and all(a != b for a, b in zip(own, own[1:], strict=False))]
    X, y = [X[k].tolist() for k in kept], [y[k] for k in kept]
    ids = Tokenizer().fit(X).transform(X)
    model = learner(embedding_dim=4, dropout=0.0).fit(ids, y)
    assert model.score(ids, y) > 0.95 and {*model.classes_.tolist()} == {"BA", "DU"}


@pytest.mark.parametrize("solver", ["lbfgs", "adamw"])
def test_other_solvers_learn(solver):
    X, y = events(60)
    assert learner(solver=solver, max_iter=60).fit(X, y).score(X, y) > 0.9


def test_one_class_is_to_be_counted():
    X, y = events(100)
    y = ["!" * len(own) for own in y]
    X = [x.sum(axis=1) for x in X]
    kept = [k for k, own in enumerate(y) if 2 * len(own) < len(X[k])]
    X, y = [X[k] for k in kept], [y[k] for k in kept]
    model = learner().fit(X, y)
    assert model.classes_.tolist() == ["!"] and model.score(X, y) > 0.8


# ---------------------------------------------------------------------------- what it answers


@pytest.fixture(scope="module")
def model():
    return learner(max_iter=8, bidirectional=False).fit(*events(100))


def by_hand(model, X):
    """Greedy labels from probabilities."""
    for p in model.predict_proba(X):
        best = p.argmax(axis=1)
        yield [model.classes_[k] for t, k in enumerate(best) if k < 3 and (t == 0 or best[t - 1] != k)]


def test_predictions_are_read_from_the_best_path(model):
    X, _ = events(40, seed=2)
    predicted = model.predict(X)
    assert predicted.shape == (40,) and predicted.dtype == object
    assert {labels.dtype for labels in predicted} == {model.classes_.dtype}
    assert [labels.tolist() for labels in predicted] == [*by_hand(model, X)]
    p = model.predict_proba(X)
    assert [rows.shape for rows in p] == [(len(x), 4) for x in X]
    np.testing.assert_allclose(np.concatenate(p).sum(axis=1), 1)


def test_a_beam_finds_labels_that_are_no_less_probable(model):
    X, _ = events(40, seed=2)
    beam = pickle.loads(pickle.dumps(model)).set_params(decoding="beam", beam_width=30)

    def losses(y):
        return np.array([_loss(model, x, own) for x, own in zip(X, y, strict=True)])

    greedy, searched = losses(model.predict(X)), losses(beam.predict(X))
    assert (searched <= greedy + 1e-6).all() and len(beam.set_params(beam_width=1).predict(X)) == 40


def _loss(model, x, labels):
    """Minus the log probability of labels, by the network's own loss."""
    own = pickle.loads(pickle.dumps(model)).set_params(warm_start=True, learning_rate_init=1e-30, max_iter=1)
    return own.fit([x], [labels], X_val=[x], y_val=[labels]).validation_loss_curve_[-1]


def test_the_score_is_one_minus_the_label_error_rate(model):
    X, y = events(60, seed=3)
    said, weights = texts(model.predict(X)), np.linspace(0, 2, 60)
    errors, counts = np.array([*map(edits, said, y)]), np.array([*map(len, y)])
    assert 0 < errors.sum() < counts.sum()
    assert model.score(X, y) == pytest.approx(1 - errors.sum() / counts.sum())
    assert model.score(X, y, weights) == pytest.approx(1 - (weights @ errors) / (weights @ counts))
    assert model.score(X, [[*own, "new"] for own in y]) < model.score(X, y)
    assert model.score(X[:1], ["z"]) <= 0


def test_the_score_where_there_are_no_labels(model):
    X, silence = events(30, seed=3)[0], [np.zeros((5, 3))]
    assert model.predict(silence)[0].size == 0
    assert model.score(silence, [""]) == 1
    assert model.score(X, [[]] * 30) == 0


def test_forms_of_targets_are_alike():
    X, y = events(40)
    expected = small().fit(X, y).network_.theta
    for same in ([*map(list, y)], [np.array([*own], "U3") for own in y], pd.Series(y), np.array(y), tuple(y)):
        assert_same_bits(small().fit(X, same).network_.theta, expected)
    numbers = [["abc".index(c) for c in own] for own in y]
    other = small().fit(X, numbers)
    assert other.classes_.tolist() == [0, 1, 2] and other.predict(X)[0].dtype.kind == "i"
    assert_same_bits(other.network_.theta, expected)


# ---------------------------------------------------------------------------- language models


def in_turn(n, seed, longest=6):
    """Texts in which b comes after a, c after b, and a after c."""
    rng = np.random.RandomState(seed)
    return ["abcabcabc"[k:][:T] for k, T in zip(rng.randint(3, size=n), rng.randint(1, longest + 1, n), strict=True)]


def places(texts, classes=("a", "b", "c")):
    return [np.searchsorted(classes, [*text]) for text in texts]


@pytest.fixture(scope="module")
def language():
    options = {"hidden_size": 12, "embedding_dim": 4, "dropout": 0.0, "learning_rate_init": 0.02, "max_iter": 40}
    return SequenceGenerator(**options, random_state=0).fit(places(in_turn(200, 0)))


@pytest.fixture(scope="module")
def beam(model):
    return pickle.loads(pickle.dumps(model)).set_params(decoding="beam")


def test_a_language_model_helps_where_labels_look_alike(language):
    """Of events in any order the network learns no order; texts alone tell it."""
    X, y = events(150)
    alike = np.array([[1, 0], [0, 1], [0.1, 1]])  # b and c
    own = learner(decoding="beam", bidirectional=False).fit([x @ alike for x in X], y)
    y, rng = in_turn(60, 1), np.random.RandomState(1)
    X = [np.eye(4)[[k for c in text for k in (0, 1 + "abc".index(c))] + [0]][:, 1:] for text in y]
    X = [(x + 0.1 * rng.standard_normal(x.shape)) @ alike for x in X]
    alone, helped = own.score(X, y), own.score(X, y, language_model=language)
    assert alone < 0.93 and helped > 0.97
    errors = sum(map(edits, texts(own.predict(X, language_model=language)), y))
    assert helped == pytest.approx(1 - errors / sum(map(len, y)))


def test_of_no_weight_a_language_model_is_none(beam, language):
    X, y = events(60, seed=2)
    found = beam.predict(X, language_model=language, language_weight=0)
    assert texts(found) == texts(beam.predict(X)) and {own.dtype for own in found} == {beam.classes_.dtype}
    assert beam.score(X, y, language_model=language, language_weight=0) == beam.score(X, y)


@pytest.mark.parametrize("weight", [0.3, 1, 4.0])
def test_a_wide_beam_finds_the_labels_of_the_largest_sum(beam, language, weight):
    """Of all labels that so few frames have room for."""
    X, every = [x[:4] for x in events(12, seed=3)[0]], [y for n in range(5) for y in product(range(3), repeat=n)]
    network, boundary = language.network_, language.n_tokens_

    def told(labels):
        outputs, _ = network.read(Sequences(np.array([boundary, *labels]), np.array([0, len(labels) + 1])))
        return log_softmax(outputs.astype(float), axis=1)[np.arange(len(labels) + 1), [*labels, boundary]].sum()

    prior, wide = np.array([*map(told, every)]), pickle.loads(pickle.dumps(beam)).set_params(beam_width=200)
    said = wide.predict(X, language_model=language, language_weight=weight)
    for p, labels in zip(beam.predict_proba(X), said, strict=True):
        losses = [Alignments(4).losses(np.log(p), spread([y], [4]), np.array([0, 4]))[0] for y in every]
        best = every[int(np.argmax(weight * prior - losses))]
        assert texts([labels]) == ["".join("abc"[k] for k in best)]


@pytest.mark.parametrize("width", [10**7, 10**30])
def test_a_beam_is_no_wider_than_there_are_labels(beam, language, width):
    X, wide = [x[:4] for x in events(12, seed=3)[0]], pickle.loads(pickle.dumps(beam))
    exact = wide.set_params(beam_width=200)
    plain, told = texts(exact.predict(X)), texts(exact.predict(X, language_model=language))
    wide.set_params(beam_width=width)
    assert texts(wide.predict(X)) == plain and texts(wide.predict(X, language_model=language)) == told
    long = [np.zeros((200, X[0].shape[1]))]
    for options in ({}, {"language_model": language}):
        with pytest.raises(ValueError, match=f"beam_width={width} compares up to .* too long: set it to 26214 or less"):
            wide.predict(long, **options)


def test_a_search_with_a_language_model_has_the_same_labels_in_any_company(beam, language, tmp_path):
    X, y = events(30, seed=4)
    said = texts(beam.predict(X, language_model=language))
    assert [texts(beam.predict([x], language_model=language))[0] for x in X] == said
    assert texts(beam.predict(X[::-1], language_model=language))[::-1] == said
    files = SequenceFiles.write(tmp_path, [(X[:9], y[:9]), (X[9:], y[9:])])
    assert texts(beam.predict(files, language_model=language)) == said
    assert beam.score(files, language_model=language) == beam.score(X, y, language_model=language)
    one = pickle.loads(pickle.dumps(beam)).set_params(beam_width=1)
    assert len(one.predict(X, language_model=language)) == 30


def test_language_models_that_are_none(beam, model, language):
    X, _ = events(3)
    small_one = {"hidden_size": 4, "embedding_dim": 2, "max_iter": 1}
    for given, weight, kind, match in (
        (model, 0.5, TypeError, "language_model is a SequenceTranscriber; expected a fitted SequenceGenerator"),
        (make_pipeline(Tokenizer(), language), 0.5, TypeError, "is a Pipeline; .*: of a Pipeline give the last step"),
        (SequenceGenerator(), 0.5, ValueError, "SequenceGenerator instance is not fitted yet"),
        (language, -1, ValueError, "language_weight must be a number from 0 on; got -1"),
        (language, np.nan, ValueError, "language_weight must be a number from 0 on; got nan"),
        (language, "1", ValueError, "language_weight must be a number from 0 on; got '1'"),
        (SequenceGenerator(**small_one).fit([[0, 1, 3]] * 4), 0.5, ValueError,
         r"the tokens 0 to 3, but the labels have the places 0 to 2 in classes_: fit it on these, np.searchsorted"),
        (SequenceGenerator(**small_one, stateful=True).fit([0, 1, 2] * 9), 0.5, ValueError,
         "on a stream.*with stateful=False"),
        (SequenceGenerator(**{**small_one, "embedding_dim": None}).fit([[0.5, 1.0]] * 4), 0.5, ValueError,
         r"language_model was fitted on numbers .embedding_dim=None.: fit it on labels, as tokens, np.searchsorted"),
    ):  # fmt: skip
        with pytest.raises(kind, match=match):
            beam.predict(X, language_model=given, language_weight=weight)
    with pytest.raises(ValueError, match="decoding='greedy' takes each step by itself: set_params.decoding='beam'"):
        model.score(X, [""] * 3, language_model=language)
    with pytest.raises(ValueError, match="SequenceTranscriber instance is not fitted"):
        small().predict(X, language_model=language)


# ---------------------------------------------------------------------------- promises


def test_the_same_bits_in_any_batch_and_order(model):
    X, _ = events(70, seed=4)
    p = model.predict_proba(X)
    assert_same_bits(model.predict_proba(X[::-1])[::-1], p)
    assert_same_bits(np.concatenate([model.predict_proba([x]) for x in X]), p)
    for decoding in ("greedy", "beam"):
        other = pickle.loads(pickle.dumps(model)).set_params(decoding=decoding)
        alone = [other.predict([x])[0].tolist() for x in X]
        assert [labels.tolist() for labels in other.predict(X)] == alone


def test_a_fit_has_the_same_bits_for_any_number_of_threads():
    X, y = events(64)
    one, two = (small(n_jobs=n, hidden_size=64).fit(X, y).network_.theta for n in (1, 2))
    assert_same_bits(one, two)


def test_targets_may_be_longer_in_later_fits():
    X, y = events(40)
    own = small(warm_start=True).fit(X, y)
    longer = [np.tile(x, (4, 1)) for x in X]
    own.fit(longer, [text * 4 if text[:1] != text[-1:] else text for text in y]).partial_fit(X, y)
    assert own.n_iter_ == 3  # two epochs of the later fit, and one more


# ---------------------------------------------------------------------------- streams


def streamed(stream, x):
    return [label for x_t in x if (label := stream.step(x_t)) is not None]


def test_a_stream_says_the_labels_of_predict(model):
    X, _ = events(30, seed=5)
    stream = model.stream()
    for x, labels in zip(X, model.predict(X), strict=True):
        stream.reset()
        assert streamed(stream, x) == labels.tolist()
    assert stream.n_steps == len(X[-1])


def test_a_stream_says_a_label_when_it_begins(model):
    x = events(1, seed=6)[0][0]
    best = model.predict_proba([x])[0].argmax(axis=1)
    begins = np.append(True, best[1:] != best[:-1]) & (best < 3)
    stream = model.stream()
    assert [stream.step(x_t) is not None for x_t in x] == begins.tolist()


def test_sequences_side_by_side(model):
    X, _ = events(3, seed=7, shortest=14)
    stream, said = model.stream(3), [[], [], []]
    for steps in zip(*X, strict=True):
        for own, label in zip(said, stream.step(np.array(steps)), strict=True):
            own += [] if label is None else [label]
    assert said == [labels.tolist() for labels in model.predict(X)]


def test_a_stream_goes_on_from_a_state_and_from_a_pickle(model):
    x, stream = events(1, seed=8, shortest=14)[0][0], model.stream()
    expected = streamed(model.stream(), x)
    for cut in range(1, len(x)):
        stream.reset()
        first = streamed(stream, x[:cut])
        kept, other = stream.state, pickle.loads(pickle.dumps(stream))
        rest = streamed(stream, x[cut:])
        assert first + rest == expected and streamed(other, x[cut:]) == rest
        stream.state = kept
        assert streamed(stream, x[cut:]) == rest
    with pytest.raises(ValueError, match="last"):
        stream.state = {**kept, "last": np.zeros(3)}


def test_pictures_and_explanations_have_the_blank(model):
    X, _ = events(3, seed=5)
    found = occlusion(model, X, target="(blank)", step=0)
    assert found.targets.tolist() == ["(blank)"] * 3
    np.testing.assert_allclose(found.predictions, [p[0, 3] for p in model.predict_proba(X)])
    pytest.importorskip("matplotlib")
    assert [*ProbabilitiesDisplay.from_estimator(model, X[0]).lines_] == ["a", "b", "c", "(blank)"]


def test_a_stream_is_greedy_and_needs_one_direction(model):
    X, _ = events(10, seed=5)
    beam = pickle.loads(pickle.dumps(model)).set_params(decoding="beam")
    assert [streamed(beam.stream(), x) for x in X] == [labels.tolist() for labels in model.predict(X)]
    with pytest.raises(ValueError, match="bidirectional=False"):
        small().fit(*events(20)).stream()


# ---------------------------------------------------------------------------- training


def test_validation_data_are_judged_by_their_loss():
    X, y = events(120)
    model = learner(early_stopping=True, n_iter_no_change=3).fit(X, y)
    assert model.validation_scores_ == pytest.approx([-loss for loss in model.validation_loss_curve_])
    given = small(max_iter=3).fit(X, y, X_val=X, y_val=y)
    assert len(given.validation_loss_curve_) == 3
    named = small(max_iter=3, scoring=lambda model, X, y: model.score(X, y)).fit(X, y, X_val=X, y_val=y)
    assert named.validation_scores_[-1] == named.score(X, y)


def test_a_validation_loss_is_that_of_training():
    X, y = events(32)
    weights = np.linspace(0, 1, 32)
    model = small(learning_rate_init=1e-30, max_iter=1, dtype="float64", batch_size=64)
    model.fit(X, y, weights, X_val=X, y_val=y, sample_weight_val=weights)
    assert model.validation_loss_curve_[0] == pytest.approx(model.loss_curve_[0], rel=1e-9)


def test_partial_fit_knows_classes_that_are_to_come():
    X, y = events(40)
    model = small().partial_fit(X, [""] * 40, classes=["a", "b", "c"])
    model.partial_fit(X, y)
    assert model.n_iter_ == 2 and model.classes_.tolist() == ["a", "b", "c"]
    assert_refused(model, lambda: model.partial_fit(X, ["z"] * 40), r"y\[0\] holds the label 'z' at 0")


def test_labels_in_files_stay_integers(tmp_path):
    X, y = events(20)
    y = [["abc".index(c) for c in own] for own in y]
    y[0] = []
    model = small().fit(SequenceFiles.write(tmp_path, [(X[:10], y[:10]), (X[10:], y[10:])]))
    assert model.classes_.dtype == small().fit(X, y).classes_.dtype == int


def test_files_and_searches(tmp_path):
    X, y = events(60)
    files = SequenceFiles.write(tmp_path, [(X[k::2], [*map(list, y[k::2])]) for k in range(2)])
    model = small().fit(files)
    order = [*range(0, 60, 2), *range(1, 60, 2)]
    assert texts(model.predict(files)) == texts(model.predict([X[k] for k in order]))
    assert model.score(files) == pytest.approx(model.score(X, y))
    assert len(cross_val_score(small(), X, y, cv=2)) == 2
    assert GridSearchCV(small(), {"hidden_size": [4, 8]}, cv=2).fit(X, y).best_score_ <= 1


def test_a_run_is_resumed_to_the_bit(tmp_path):
    X, y = events(40)
    checkpoint = Checkpoint(tmp_path / "run", every=2)
    whole = small(max_iter=5, callbacks=[checkpoint], dropout=0.3).fit(X, y)
    again = small(max_iter=5, dropout=0.3).fit(X, y, resume_from=tmp_path / "run")
    assert_same_bits(again.network_.theta, whole.network_.theta)


def test_a_fresh_process_says_the_same(model, tmp_path):
    fastrnn.save(model.set_params(beam_width=5), tmp_path / "model")
    X, _ = events(20, seed=9)
    np.savez(tmp_path / "X.npz", *X)
    said = run_script(f"""
import fastrnn, numpy as np
model = fastrnn.load({str(tmp_path / "model")!r})
with np.load({str(tmp_path / "X.npz")!r}) as file:
    X = list(file.values())
print("|".join("".join(labels) for labels in model.predict(X)), model.beam_width, model.stream().step(X[0][0]))
""")
    assert said.split()[0].split("|") == texts(model.predict(X)) and said.split()[1] == "5"


# ---------------------------------------------------------------------------- bad input

X, Y = events(12)
BAD = {
    "none": (X, None, "requires y"),
    "single labels": (X, [1] * 12, r"y\[0\] is 1, one label; expected a list of labels.*SequenceClassifier"),
    "one text": (X, "abc", "y must be a list of label sequences"),
    "too few": (X, Y[:-1], "fewer entries than X has sequences, 11 for 12"),
    "no X": ([], [], "X"),
    "all empty": (X, [""] * 12, "y has no labels at all.*classes="),
    "no room": (
        [np.zeros((3, 3)), *X[1:]], ["aab", *Y[1:]],
        r"y\[0\] has 3 labels, 1 of them equal to the one before, which need 4 steps or more, but X\[0\] has 3",
    ),
    "longer than the frames": ([*X[:-1], np.zeros((2, 3))], [*Y[:-1], "abc"], r"y\[11\] has 3 labels.*X\[11\] has 2"),
    "rows": (X, [[[0, 1]], *Y[1:]], r"y\[0\] has shape \(1, 2\); expected the labels of one sequence"),
    "mixed": (X, [[1, 2], *Y[1:-1], "ab"], r"y\[\d+\] holds labels as '.', but y\[0\] as 1"),
    "missing": (X, [["a", None], *Y[1:]], r"y\[0\]\[1\] is None"),
    "fractions": (X, [[0.5, 1.5]] * 12, "(?i)continuous"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_targets(case):
    X, y, match = BAD[case]
    assert_refused_by_new("transcriber", X, y, match)


def test_bad_weights_and_parameters(model):
    with pytest.raises(ValueError, match="SequenceTagger"):
        small().fit(X, Y, [np.ones(len(x)) for x in X])
    for options in ({"decoding": "best"}, {"beam_width": 0}, {"max_iter": "auto"}):
        with pytest.raises(ValueError, match=next(iter(options))):
            small(**options).fit(X, Y)
    with pytest.raises(ValueError, match="y holds labels as 1, but the fit was on"):
        model.score(X, [[1]] * 12)
    for name, value in (("beam_width", 0), ("beam_width", "3"), ("decoding", "best")):  # set after the fit
        other = pickle.loads(pickle.dumps(model)).set_params(**{"decoding": "beam", name: value})
        assert_refused(other, lambda other=other: other.predict(X), f"The '{name}' parameter of SequenceTranscriber")
    for classes, match in (("abc", "got str"), ({"a", "b"}, "got set: it has no order"), (3, "got int")):
        new = small()
        call = lambda new=new, classes=classes: new.partial_fit(X, Y, classes=classes)  # noqa: E731
        assert_refused(new, call, f"classes must be a list of all labels; {match}")
    with pytest.raises(ValueError, match=r"validation data.*y\[0\] has 3 labels"):
        small().fit(X, Y, X_val=[np.zeros((2, 3))], y_val=["abc"])
