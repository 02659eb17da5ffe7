"""Summaries of networks, against what there is; and drawings."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from samples import KINDS, data_for, labelled, make_estimator, tokens
from series import Y, forecaster
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_html_repr

import fastrnn
from fastrnn import SequenceClassifier, SequenceRegressor, SequenceTagger
from fastrnn.interchange import to_torch
from fastrnn.network.training import Training
from fastrnn.online import OnlineClassifier, OnlineRegressor
from fastrnn.preprocessing import SequenceScaler

X, C = labelled(30)
SMALL = {"hidden_size": 5, "max_iter": 1, "random_state": 0}


def fitted(kind):
    if kind == "forecaster":
        return forecaster().fit(Y)
    if kind.startswith("online"):
        model = OnlineClassifier() if kind == "online" else OnlineRegressor(gradient="bptt")
        for label in (0, 1, 2):
            model.learn_one({"a": 0.5, "b": 1.0}, label)
        return model
    return make_estimator(kind, max_iter=1).fit(*data_for(kind))


EVERY = [*KINDS, "forecaster", "online", "online_of_numbers"]


@pytest.mark.parametrize("kind", EVERY)
def test_numbers_are_those_of_the_weights(kind):
    model = fitted(kind)
    summary, parts = model.summary(), model.network_.parts
    shapes = [shape for part in parts.values() for shape in part.parameters.shapes.values()]
    n = sum(int(np.prod(shape)) for shape in shapes)
    assert summary.n_parameters == n and summary.weights_bytes == model.network_.theta.nbytes >= 4 * n
    text = str(summary)
    assert text.splitlines()[0] == type(model).__name__ and f"{n:,} parameters: " in text
    for name, part in parts.items():
        of_part = sum(int(np.prod(shape)) for shape in part.parameters.shapes.values())
        assert re.search(rf"^{name} .* {of_part:,}$", text, re.M), name
        for weight, shape in part.parameters.shapes.items():
            assert re.search(rf"^  {weight} +{re.escape(str(shape))} +{int(np.prod(shape)):,}$", text, re.M), weight
    has_batches = kind != "tagger_of_words" and not kind.startswith("online")
    assert ("Training on a batch" in text) == has_batches == (summary.batch_bytes is not None)
    assert repr(summary) == text == f"{summary}" and "\t" not in text
    assert not any(line.endswith(" ") for line in text.splitlines())


@pytest.mark.parametrize("kind", ["classifier", *EVERY])
def test_it_needs_a_fit(kind):
    models = {
        "classifier": SequenceClassifier(),
        "forecaster": forecaster(),
        "online": OnlineClassifier(),
        "online_of_numbers": OnlineRegressor(),
    }
    model = models[kind] if kind in models else make_estimator(kind)
    with pytest.raises(NotFittedError, match=f"this {type(model).__name__} is not fitted yet: its layers"):
        model.summary()


def test_a_table_as_it_is_shown():
    model = SequenceClassifier(**SMALL, num_layers=2, bidirectional=False, bias=False).fit(X, C)
    lines = str(model.summary()).splitlines()
    assert lines[:-1] == [
        "SequenceClassifier",
        "Layer           Type           Shape      Parameters",
        "input           numbers        (B, T, 3)",
        "recurrent       GRU, 2 levels  (B, T, 5)         270",
        "  weight_ih_l0                 (15, 3)            45",
        "  weight_hh_l0                 (15, 5)            75",
        "  weight_ih_l1                 (15, 5)            75",
        "  weight_hh_l1                 (15, 5)            75",
        "readout         last           (B, 5)",
        "head            Dense          (B, 3)             18",
        "  weight                       (3, 5)             15",
        "  bias                         (3,)                3",
        "288 parameters: 1.3 kB",
    ]
    assert re.fullmatch(r"Training on a batch of 32 sequences of 100 steps: up to [\d,]+\.\d kB more", lines[-1])


@pytest.mark.parametrize(
    "options, rows",
    [
        ({"cell": "lstm"}, ["LSTM, 1 level, both directions +\\(B, T, 10\\)"]),
        ({"cell": "rnn", "readout": "mean"}, ["RNN, 1 level, both", "readout +mean +\\(B, 10\\)"]),
        ({"cell": "gru_reset_before", "readout": "max"}, ["GRUResetBefore, 1", "readout +max"]),
        ({"embedding_dim": 4}, ["input +tokens +\\(B, T\\)\n", "embedding +Embedding +\\(B, T, 4\\) +20"]),
        (
            {"embedding_dim": 4, "embeddings": np.ones((5, 4)), "freeze_embeddings": True},
            ["embedding +Embedding, frozen +\\(B, T, 4\\)"],
        ),
    ],
)
def test_kinds_of_layers(options, rows):
    data = tokens(30) if "embedding_dim" in options else X
    text = str(SequenceClassifier(**SMALL, **options).fit(data, C).summary())
    for row in rows:
        assert re.search(row, text), text


def test_all_steps_side_by_side_and_outputs_at_each_step():
    panel = np.random.default_rng(0).random((20, 7))
    concat = SequenceRegressor(**SMALL, readout="concat").fit(panel, panel[:, 0]).summary(n_steps=1000)
    assert re.search(r"readout +concat +\(B, 35\)", concat) and "of 7 steps:" in concat  # which are given
    tagger = SequenceTagger(**SMALL, crf=True).fit(X, [np.arange(len(x)) % 2 for x in X])
    text = str(tagger.summary())
    assert "readout" not in text and re.search(r"head +Dense +\(B, T, 2\)", text)
    assert re.search(r"chain +LinearChain +8$", text, re.M)


def test_the_names_are_those_of_pytorch():
    pytest.importorskip("torch", reason="PyTorch is not installed")
    model = SequenceClassifier(**SMALL).fit(X, C)
    module = to_torch(model)
    assert model.summary().n_parameters == sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    "kind, options",
    [
        ("tagger", {}), ("tagger", {"crf": True}), ("generator", {}), ("translator", {}), ("vector_to_tokens", {}),
        ("tagger", {"hidden_size": 150}), ("tagger", {"dtype": "float64", "batch_size": 70}),
    ],
)  # fmt: skip
def test_the_memory_of_a_batch_is_that_of_a_training(kind, options, monkeypatch):
    """Of sequences that are equally long; targets may take more or less than those of another loss."""
    n, T, seen, lay_out = options.get("batch_size", 32), 9, [], Training.lay_out

    def note(training, batches, epoch):
        lay_out(training, batches, epoch)
        one, program = training._pass, training._pass.program
        n_arenas = 1 if program.is_shared else len(one._shards)
        rooms = sum(room.nbytes for room in one._rooms.values())
        sums = min(len(one._shards), program.n_places) * program.sums_bytes
        seen.append(n_arenas * one._arena_bytes + sums + rooms)

    monkeypatch.setattr(Training, "lay_out", note)
    X, y = data_for(kind, n)
    if isinstance(X, list):
        X = [np.resize(x, (T, *x.shape[1:])) for x in X]
    y = y and [np.resize(target, T) for target in y]
    model = make_estimator(kind, max_iter=1, **options).fit(X, y)
    found = model.summary(n_steps=T + (kind in ("generator", "vector_to_tokens"))).batch_bytes
    assert 0.95 * seen[0] < found < 1.05 * seen[0]


def test_memory_grows_with_steps_and_sequences():
    model = SequenceClassifier(**SMALL).fit(X, C)
    few, many = (model.summary(n_steps=n).batch_bytes for n in (10, 100))
    assert 4 * few < many < 10.5 * few
    assert clone(model).set_params(batch_size=64).fit(X, C).summary().batch_bytes > 1.5 * many
    for wrong in (0, 1.5, True, None):
        with pytest.raises(ValueError, match="n_steps must be an integer >= 1"):
            model.summary(wrong)


def test_a_summary_changes_nothing(tmp_path):
    model = SequenceClassifier(**SMALL).fit(X, C)
    before, programs = model.predict_proba(X), set(model.network_._programs)
    summary = model.summary()
    assert set(model.network_._programs) == programs and (model.predict_proba(X) == before).all()
    fastrnn.save(model, tmp_path / "model")
    assert fastrnn.load(tmp_path / "model").summary() == summary


# ----------------------------------------------------------------------------------- drawings


class Text(HTMLParser):
    """The texts within the element that draws the network; all elements are closed."""

    def __init__(self, html):
        super().__init__()
        self.texts, self.label, self._open = [], None, []
        self.feed(html[html.index('<div role="group"') :])
        assert not self._open

    def handle_starttag(self, tag, attributes):
        self._open += [tag] if tag != "br" else []
        self.label = self.label or dict(attributes).get("title")

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data.strip())


needs_hook = pytest.mark.skipif(not hasattr(BaseEstimator, "_html_repr"), reason="scikit-learn before 1.7 has no hook")


@needs_hook
@pytest.mark.parametrize("kind", EVERY)
def test_a_notebook_shows_a_drawing(kind):
    model = fitted(kind)
    html = model._repr_html_()
    assert html == model._repr_html_() or "sk-container-id" in html  # whose numbers go on
    assert 'class="sk-top-container' in html and model._repr_mimebundle_()["text/html"].count('role="group"') == 1
    found = Text(html)
    assert found.label == "Layers: B sequences, T steps" and found.texts[0] == "input"
    assert [name for name in found.texts if name in model.network_.parts] == [*model.network_.parts]


@needs_hook
def test_a_drawing_says_what_is_read_and_how():
    texts = Text(SequenceClassifier(**SMALL, num_layers=2, readout="mean").fit(X, C)._repr_html_()).texts
    expected = ["input", "numbers", "(B, T, 3)", "→", "recurrent", "GRU, 2 levels, both directions", "(B, T, 10)"]
    assert texts == [*expected, "→", "readout", "mean", "(B, 10)", "→", "head", "Dense", "(B, 3)"]


def test_before_a_fit_there_is_none():
    assert 'role="group"' not in SequenceClassifier()._repr_html_()
    assert 'role="group"' not in OnlineClassifier()._repr_html_()


def test_a_pipelines_html_is_whole():
    pipe = make_pipeline(SequenceScaler(), SequenceClassifier(**SMALL))
    for one in (pipe, pipe.fit(X, C)):
        html = one._repr_html_()
        assert html.startswith("<style>") and html.endswith("</body>") and "SequenceClassifier" in html
    assert estimator_html_repr(pipe[-1]).endswith("</body>")


def test_text_is_shown_where_scikit_learn_is_told_so():
    model = SequenceClassifier(**SMALL).fit(X, C)
    with config_context(display="text"):
        assert not hasattr(model, "_repr_html_") and "text/html" not in model._repr_mimebundle_()
