"""``fastrnn warmup``: what models need is compiled now, for images that shall not do it each time they are started.

Small models are fitted, asked and read as streams: what they need is what they make Numba compile.
"""

from itertools import product
from time import perf_counter

import numpy as np

import fastrnn
from fastrnn.command.options import ALL, KINDS
from fastrnn.kernels import on_compiling
from fastrnn.kernels.rows import clear
from fastrnn.online import OnlineClassifier, OnlineRegressor

LENGTHS = (3, 6, 4, 5) * 6
NUMBERS = [np.sin(np.arange(T) + k)[:, np.newaxis] for k, T in enumerate(LENGTHS)]
TOKENS = [(np.arange(T) + k) % 3 for k, T in enumerate(LENGTHS)]
WORDS = [np.stack([x, x, x], axis=1) for x in TOKENS]
LABELS = np.arange(len(LENGTHS))
LARGE = {"hidden_size": 500}
"""A layer with more weights than one thread is left alone with."""
EMBEDDED, DEEP = {"embedding_dim": 4}, {"num_layers": 2, "dropout": 0.1}
ONE_WAY, BOTH_WAYS = {"bidirectional": False}, {"bidirectional": True}


def _fit(estimator, X, *y, **options):
    model = getattr(fastrnn, estimator)(max_iter=1, random_state=0, **options).fit(X, *y)
    for method, argument in {"predict": X, "predict_proba": X, "perplexity": X, "sample": X[0]}.items():
        if hasattr(model, method):
            getattr(model, method)(argument)
    if model.get_params().get("bidirectional") is False:
        model.stream().step(X[0][0])


def _forecaster(**options):
    y = np.sin(np.arange(60))
    fastrnn.SequenceForecaster(horizon=2, season=4, max_iter=1, random_state=0, **options).fit(y).predict_interval()


def _online(**options):
    for kind, answer in ((OnlineClassifier, "one"), (OnlineRegressor, 1.0)):
        if options["cell"] in kind._parameter_constraints["cell"][0].options:
            model = kind(random_state=0, **options)
            model.learn_one({"x": 1.0}, answer)
            model.predict_one({"x": 2.0})


USES = [
    ("classifier", _fit, ("SequenceClassifier", NUMBERS, LABELS % 3), [{}, ONE_WAY, DEEP, LARGE]),
    ("classifier", _fit, ("SequenceClassifier", NUMBERS, LABELS % 2), [ONE_WAY]),
    ("classifier", _fit, ("SequenceClassifier", TOKENS, LABELS % 3), [EMBEDDED, EMBEDDED | ONE_WAY]),
    ("regressor", _fit, ("SequenceRegressor", NUMBERS, LABELS % 5 / 5), [{}, BOTH_WAYS, DEEP, LARGE]),
    ("regressor", _fit, ("SequenceRegressor", TOKENS, LABELS % 5 / 5), [EMBEDDED]),
    ("tagger", _fit, ("SequenceTagger", NUMBERS, TOKENS), [{}, ONE_WAY, DEEP, LARGE, {"crf": True}]),
    ("tagger", _fit, ("SequenceTagger", TOKENS, TOKENS), [EMBEDDED]),
    ("tagger", _fit, ("SequenceTagger", WORDS, TOKENS), [EMBEDDED | {"character_embedding_dim": 3}]),
    ("generator", _fit, ("SequenceGenerator", TOKENS), [{}, LARGE]),
    ("translator", _fit, ("SequenceToSequence", TOKENS, TOKENS), [{}, LARGE, {"attention": None}]),
    ("translator", _fit, ("VectorToSequence", np.eye(len(LENGTHS)), TOKENS), [{}]),
    ("forecaster", _forecaster, (), [{}, {"strategy": "recursive"}]),
    ("online", _online, (), [{}, {"gradient": "bptt"}])]  # fmt: skip
"""For a name that can be typed, what to call, on what, and with which options each time."""


def warm_up(args):
    """Compile what the models of these kinds, cells and precisions need, and print what that was."""
    compiled, begin = [], perf_counter()

    def count():
        compiled.append(perf_counter())

    on_compiling.append(count)
    try:
        for kind, cell, dtype in product(KINDS if ALL in args.kinds else args.kinds, args.cells, args.dtype):
            before, start = len(compiled), perf_counter()
            for _, use, data, every in [row for row in USES if row[0] == kind]:
                for options in every:
                    use(*data, cell=cell, dtype=dtype, **options)
            print(f"{kind}, {cell}, {dtype}: {len(compiled) - before} compiled, {perf_counter() - start:.1f} s")
    finally:
        on_compiling.remove(count)
    folder = clear.dispatcher.stats.cache_path
    kept = "nothing is kept" if folder is None else f"they are kept, for this CPU, in {folder} and beside it"
    print(f"{len(compiled)} kernels compiled in {perf_counter() - begin:.1f} s; {kept}")
