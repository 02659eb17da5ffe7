"""Model files that are not what they say: bytes, headers, fields and tensors changed at random."""

import copy
import json
import math
import time
import tracemalloc
import warnings

import numpy as np
from samples import data_for, labelled, make_estimator, ragged
from series import CONTAINERS, columns_of, forecaster
from sklearn.pipeline import make_pipeline

import fastrnn
from fastrnn.online import OnlineClassifier, OnlineRegressor
from fastrnn.preprocessing import Tokenizer
from fastrnn.training import Checkpoint

SPARE = 200_000
"""Bytes of memory that any file may take, however small: modules' caches, exceptions, scikit-learn's checks."""
LONGEST = 1000
"""Steps of a target, or characters of a word, that a model is made to work on; a changed limit may be any number."""


# ------------------------------------------------------------------------------------- good files


def make_files(folder):
    """A dict of names to (path, X): a small model of every kind, and a checkpoint."""
    models, small = {}, {"hidden_size": 16, "max_iter": 2, "random_state": 0}
    for kind in ("tagger", "tagger_of_words", "tagger_of_several", "generator", "generator_of_streams",
                 "generator_of_numbers", "translator", "translator_of_numbers", "vector_to_tokens",
                 "vector_to_numbers"):  # fmt: skip
        X, y = data_for(kind)
        models[kind] = make_estimator(kind, hidden_size=16).fit(X, y), X
    X, y = labelled(40)
    weights = {"a": 1.0, "b": 2.0, "c": 1.0}
    classifier = fastrnn.SequenceClassifier(**small, class_weight=weights, early_stopping=True)
    models["classifier"] = classifier.fit(X, np.array(list("abc"))[y]), X
    models["classifier_of_two"] = fastrnn.SequenceClassifier(**small, bias=False).fit(X, y > 0), X
    panel = np.random.default_rng(0).random((30, 6))
    models["regressor_of_panels"] = fastrnn.SequenceRegressor(**small, readout="concat").fit(panel, panel[:, 0]), panel
    X = ragged(30)
    regressor = fastrnn.SequenceRegressor(**small, return_sequences=True, dtype="float64")
    models["regressor_of_steps"] = regressor.fit(X, [x[:, :2] for x in X]), X
    texts = ["the cat sat on the mat", "a dog ran", "the dog sat", "a cat ran to the mat"] * 5
    tokenizer = Tokenizer(max_characters=4).fit(texts)
    models["tokenizer"] = tokenizer, texts
    words = make_pipeline(Tokenizer(), fastrnn.SequenceClassifier(**small, embedding_dim=8, embeddings=np.eye(4, 8)))
    models["pipeline"] = words.set_params(sequenceclassifier__embeddings=None).fit(texts, ["good", "bad"] * 10), texts
    for name, learner in (("online_classifier", OnlineClassifier), ("online_regressor", OnlineRegressor)):
        model = learner(random_state=0, gradient="bptt" if learner is OnlineRegressor else "rtrl", bptt_steps=4)
        x = np.random.default_rng(0).standard_normal((20, 3))
        for row in x:
            model.learn_one(row, int(row[0] > 0))
        models[name] = model, x
    y, x = CONTAINERS["list"], columns_of(60)
    told = {"past": [x, x[:45]], "static": [[1.0], [2.0]]}
    models["forecaster"] = forecaster(calibration=4, loss="gaussian").fit(y, **told), {"history": y, **told}
    frame = CONTAINERS["long"]
    of_paths = forecaster(strategy="recursive", loss="student_t", calendar=True, season=[3, 5], quantiles=(0.2, 0.5))
    models["forecaster_of_frames"] = of_paths.fit(frame), {"history": frame}
    files = {}
    for name, (model, X) in models.items():
        files[name] = folder / f"{name}.safetensors", X
        fastrnn.save(model, files[name][0])
    X, y = labelled(40)
    files["checkpoint"] = folder / "checkpoint.safetensors", X
    fastrnn.SequenceClassifier(**small, early_stopping=True, callbacks=[Checkpoint(files["checkpoint"][0])]).fit(X, y)
    return files


# ------------------------------------------------------------------------------------- the parts of a file


def taken_apart(data):
    """Fields, and a dict of tensors: dtype, shape, bytes."""
    n = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + n]), data[8 + n :]
    fields = json.loads(header.pop("__metadata__")["fastrnn"])
    return fields, {k: [t["dtype"], t["shape"], body[slice(*t["data_offsets"])]] for k, t in header.items()}


def put_together(fields, tensors, text=None):
    """The file of these; `text` in place of the fields' JSON."""
    header, body = {"__metadata__": {"fastrnn": json.dumps(fields) if text is None else text}}, b""
    for name, (dtype, shape, part) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(part)]}
        body += part
    header = json.dumps(header).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + body


# ------------------------------------------------------------------------------------- changes


def flipped(data, rng, others):
    """Some bytes are others; in half of the cases of the header."""
    data = bytearray(data)
    end = len(data) if rng.random() < 0.5 else 8 + int.from_bytes(data[:8], "little")
    for _ in range(rng.integers(1, 6)):
        data[rng.integers(end)] = rng.integers(256)
    return bytes(data)


def cut(data, rng, others):
    """The file ends early, or goes on, or lacks a piece."""
    at, n = rng.integers(len(data)), rng.integers(1, 50)
    return [data[:at], data + rng.bytes(n), data[:at] + data[at + n :], data[:at] + rng.bytes(n) + data[at:]][
        rng.integers(4)
    ]


def lying_length(data, rng, others):
    """The header says another length."""
    return int(rng.choice([0, 1, 7, len(data), 2**31, 2**62, rng.integers(10**6)])).to_bytes(8, "little") + data[8:]


def places(tree):
    """All (container, key) of a tree."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield tree, key
        yield from places(value)


def another_value(value, rng, others):
    """Something else for a field."""
    odd = [None, True, False, -1, 0, 1, 2, 3, 7, 64, 2**31 - 1, 2**31, 2**63, 10**30, 0.5, -1.5, 1e308, math.nan,
           math.inf, "", "x", "lstm", "concat", "é" * 50, "(", [], [1], [[]], {}, {"$array": "x"}, {"$keys": [[]],
           "$values": [1]}, {"$text": 1}, {"$objects": [None]}, {"$objects": ["a", "b"]}]  # fmt: skip
    if type(value) is int and rng.random() < 0.5:
        return value + int(rng.integers(-2, 3))
    if isinstance(value, list) and rng.random() < 0.5:
        return value[: rng.integers(len(value) + 1)] + value[: rng.integers(3)]
    if rng.random() < 0.3:
        donor, key = _any(list(places(others[rng.integers(len(others))][0]["content"])), rng)
        return copy.deepcopy(donor[key])
    return odd[rng.integers(len(odd))]


def _any(things, rng):
    return things[rng.integers(len(things))]


def other_field(data, rng, others):
    """A field or two have other values, are gone, or have other names."""
    fields, tensors = taken_apart(data)
    for _ in range(rng.integers(1, 3)):
        where = fields if rng.random() < 0.05 else fields["content"]
        container, key = _any(list(places(where)) or [(fields, "content")], rng)
        how = rng.random()
        if how < 0.8:
            container[key] = another_value(container[key], rng, others)
        elif how < 0.9:
            del container[key]
        elif isinstance(container, dict):
            container[_any(["x", "$array", "__class__", "_rules", "network_", "1"], rng)] = container[key]
        if not isinstance(fields.get("content"), dict):
            break
    return put_together(fields, tensors)


def other_sizes(data, rng, others):
    """All numbers of one kind of field change together, as if by somebody who knows the format."""
    fields, tensors = taken_apart(data)
    chosen = [(c, k) for c, k in places(fields["content"]) if type(c[k]) is int]
    if chosen:
        container, key = _any(chosen, rng)
        old, new = container[key], int(_any([0, 1, 2, 3, 5, 17, 10**4, 10**6, 2**31 - 1], rng))
        for c, k in chosen:
            if c[k] == old:
                c[k] = new
    return put_together(fields, tensors)


def other_tensor(data, rng, others):
    """A tensor has another dtype, shape, name, or other contents; is gone, or changes places."""
    fields, tensors = taken_apart(data)
    if not tensors:
        return other_field(data, rng, others)
    name, second = _any(list(tensors), rng), _any(list(tensors), rng)
    dtype, shape, body = tensors[name]
    size = {"F64": 8, "I64": 8, "F32": 4, "U32": 4}.get(dtype, 1)
    how = rng.integers(8)
    if how == 0:
        tensors[name] = [_any(["F64", "F32", "I32", "U8", "BOOL", "BF16", "I64", "F8_E4M3"], rng), shape, body]
    elif how == 1:
        shape = [int(n + rng.integers(-1, 2)) for n in shape]
        tensors[name] = [dtype, shape, rng.bytes(max(0, size * math.prod(shape)))]
    elif how == 2:
        tensors[name] = [dtype, shape[::-1] if rng.random() < 0.5 else [math.prod(shape)], body]
    elif how == 3:
        tensors[name], tensors[second] = tensors[second], tensors[name]
    elif how == 4:
        del tensors[name]
    elif how == 5:
        tensors[name + "x"] = tensors.pop(name)
    elif how == 6:
        values = np.frombuffer(body, {"F64": "f8", "F32": "f4"}.get(dtype, "u1")).copy()
        if values.size:
            values[rng.integers(values.size)] = _any([np.nan, np.inf, 1e30, 0], rng) if values.dtype.kind == "f" else 7
        tensors[name] = [dtype, shape, values.tobytes()]
    else:
        tensors[name] = [dtype, shape, rng.bytes(len(body))]
    return put_together(fields, tensors)


def of_another_kind(data, rng, others):
    """Fields, or a part of them, come from another file; and its tensors, or not."""
    fields, tensors = taken_apart(data)
    other_fields, other_tensors = copy.deepcopy(others[rng.integers(len(others))])
    how = rng.integers(3)
    if how == 0:
        return put_together(other_fields, tensors)
    model, other = fields["content"]["model"], other_fields["content"]["model"]
    key = _any(list(model), rng)
    model[key] = other.get(key)
    return put_together(fields, tensors if how == 1 else {**tensors, **other_tensors})


def bombs(data, rng, others):
    """JSON that is deep, long, or no JSON."""
    fields, tensors = taken_apart(data)
    text = json.dumps(fields)
    depth = int(rng.integers(1, 30_000))
    texts = ["[" * depth, '{"a":' * depth, "[" * depth + "]" * depth, "", "null", "1", text[: rng.integers(len(text))],
             text.replace("1", "9" * 5000, 1),
             text.replace('"content": {', '"content": {"a": ' + "[" * depth + "]" * depth + ", ", 1)]  # fmt: skip
    return put_together(fields, tensors, _any(texts, rng))


CHANGES = {
    flipped: 3, cut: 1, lying_length: 0.5, other_field: 5, other_sizes: 2, other_tensor: 4, of_another_kind: 2,
    bombs: 0.5,
}  # fmt: skip


def mutated(data, rng, others):
    """A changed file, and what changed it."""
    weights = np.array(list(CHANGES.values()))
    change = [*CHANGES][rng.choice(len(CHANGES), p=weights / weights.sum())]
    return change(data, rng, others), change.__name__


# ------------------------------------------------------------------------------------- what comes of them


def outcome(path, X):
    """What loading a file gives, the seconds, and the bytes of memory at most.

    "refused" by the library's own error; "used" if the model predicts finite numbers, or says why not.  Anything else
    is raised.
    """
    tracemalloc.start()
    began, answer = time.perf_counter(), "used"
    try:
        model = fastrnn.load(path)
    except fastrnn.StorageError as error:
        answer = "refused"
        assert str(path) in str(error)
    seconds, (_, peak) = time.perf_counter() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    if answer == "used":
        answer = used(model, X)
    return answer, seconds, peak


def used(model, X):
    """Have a model predict; ValueError is its right."""
    parts = [part for _, part in getattr(model, "steps", [(None, model)])]
    if max(getattr(part, name, 0) for part in parts for name in ("max_length_", "_L", "horizon_")) > LONGEST:
        return "long"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for answer in answers(model, X):
                for part in answer if np.ndim(answer) and np.asarray(answer).dtype.kind == "O" else [answer]:
                    assert np.asarray(part).dtype.kind != "f" or np.isfinite(part).all()
        except ValueError:
            return "used, with an error"
    return "used"


def answers(model, X):
    """All that a model of any kind says of X."""
    if hasattr(model, "learn_one"):  # each sample is learned after it, too, by a copy
        model = copy.deepcopy(model)
        for x in X:
            yield from model.predict_proba_one(x).values() if hasattr(model, "predict_proba_one") else ()
            yield model.predict_one(x)
            model.learn_one(x, 1)
        return
    if isinstance(model, fastrnn.SequenceForecaster):
        for given in ({}, X):
            forecasts = [model.predict(**given), model.predict_interval(0.8, **given)]
            yield from (np.asarray(getattr(f, "select_dtypes", lambda _, f=f: f)("number"), float) for f in forecasts)
        return
    if isinstance(model, fastrnn.SequenceGenerator):
        yield model._log_probabilities(X)
        yield model.sample(X[0][:1], length=5, random_state=0)
        stream = model.stream()
        yield np.array([stream.step(token) for token in X[0]])
        return
    if hasattr(model, "stream") and model.network_.encoder.recurrent.n_directions == 1 and not model.network_.n_steps:
        stream = model.stream()
        yield np.array([stream.step(x) for x in X[0]])
    for method in ("transform", "predict", "predict_proba"):
        if hasattr(model, method):
            yield getattr(model, method)(X)
