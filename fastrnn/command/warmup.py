"""``fastrnn warmup``: what models need is compiled now, for images that shall not do it each time they are started.

Small models are fitted, asked and read as streams: what they need is what they make Numba compile.
"""

from itertools import product
from time import perf_counter

import numpy as np

import fastrnn
from fastrnn.kernels.caching import on_compiling
from fastrnn.kernels.vectors import aligned_start
from fastrnn.online import OnlineClassifier, OnlineRegressor

LENGTHS = (3, 6, 4, 5) * 6
LARGE = {"hidden_size": 500}
"""A layer with more weights than one thread is left alone with."""
TOKENS, DEEP = {"embedding_dim": 4}, {"num_layers": 2, "dropout": 0.1}
ONE_WAY, BOTH_WAYS = {"bidirectional": False}, {"bidirectional": True}


def _numbers():
    return [np.sin(np.arange(T) + k)[:, np.newaxis] for k, T in enumerate(LENGTHS)]


def _tokens():
    return [(np.arange(T) + k) % 3 for k, T in enumerate(LENGTHS)]


def _words():
    return [np.stack([x, x, x], axis=1) for x in _tokens()]


def _labels(n):
    return np.arange(len(LENGTHS)) % n


def _ask(model, X):
    for method in ("predict", "predict_proba"):
        if hasattr(model, method):
            getattr(model, method)(X)
    if model.get_params().get("bidirectional") is False:
        model.stream().step(X[0][0])


def _fitted(estimator, X, *y):
    def use(**options):
        _ask(getattr(fastrnn, estimator)(max_iter=1, random_state=0, **options).fit(X, *y), X)

    return use


def _generator(**options):
    model = fastrnn.SequenceGenerator(max_iter=1, random_state=0, **options).fit(_tokens())
    model.perplexity(_tokens())
    model.sample(length=3, random_state=0)


def _forecaster(**options):
    y = np.sin(np.arange(60))
    fastrnn.SequenceForecaster(horizon=2, season=4, max_iter=1, random_state=0, **options).fit(y).predict_interval()


def _online(**options):
    for kind, answer in ((OnlineClassifier, "one"), (OnlineRegressor, 1.0)):
        if options["cell"] not in kind._parameter_constraints["cell"][0].options:
            continue
        model = kind(random_state=0, **options)
        model.learn_one({"x": 1.0}, answer)
        model.predict_one({"x": 2.0})


def _uses():
    """For each name that can be typed, what to call, and with which options."""
    numbers, tokens, vectors = _numbers(), _tokens(), np.eye(len(LENGTHS))
    of_numbers = [{}, ONE_WAY, DEEP, LARGE]
    return {
        "classifier": [
            (_fitted("SequenceClassifier", numbers, _labels(3)), of_numbers),
            (_fitted("SequenceClassifier", numbers, _labels(2)), [ONE_WAY]),
            (_fitted("SequenceClassifier", tokens, _labels(3)), [TOKENS, TOKENS | ONE_WAY]),
        ],
        "regressor": [
            (_fitted("SequenceRegressor", numbers, _labels(5) / 5), [{}, BOTH_WAYS, DEEP, LARGE]),
            (_fitted("SequenceRegressor", tokens, _labels(5) / 5), [TOKENS]),
        ],
        "tagger": [
            (_fitted("SequenceTagger", numbers, tokens), [*of_numbers, {"crf": True}]),
            (_fitted("SequenceTagger", tokens, tokens), [TOKENS]),
            (_fitted("SequenceTagger", _words(), tokens), [TOKENS | {"character_embedding_dim": 3}]),
        ],
        "generator": [(_generator, [{}, LARGE])],
        "translator": [
            (_fitted("SequenceToSequence", tokens, tokens), [{}, LARGE, {"attention": None}]),
            (_fitted("VectorToSequence", vectors, tokens), [{}]),
        ],
        "forecaster": [(_forecaster, [{}, {"strategy": "recursive"}])],
        "online": [(_online, [{}, {"gradient": "bptt"}])],
    }


def warm_up(args):
    """Compile what the models of these kinds, cells and precisions need, and print what that was."""
    compiled, begin, uses = [], perf_counter(), _uses()

    def count():
        compiled.append(perf_counter())

    on_compiling.append(count)
    try:
        for kind, cell, dtype in product(args.kinds or uses, args.cells, args.dtype):
            before, start = len(compiled), perf_counter()
            for use, every in uses[kind]:
                for options in every:
                    use(cell=cell, dtype=dtype, **options)
            print(f"{kind}, {cell}, {dtype}: {len(compiled) - before} compiled, {perf_counter() - start:.1f} s")
    finally:
        on_compiling.remove(count)
    folder = aligned_start.stats.cache_path
    kept = "nothing is kept" if folder is None else f"they are kept, for this CPU, in {folder} and beside it"
    print(f"{len(compiled)} kernels compiled in {perf_counter() - begin:.1f} s; {kept}")
