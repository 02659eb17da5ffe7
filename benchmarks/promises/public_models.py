"""Do recurrent layers of public models answer here as in their own code, and in which time?

    python -m benchmarks.promises.public_models [--repeats 7] [--json FILE]

Three models that packages on PyPI ship, on one thread, each library in a process of its own, in turn, medians:

- g2p_en: encoder and decoder, GRUs in a .npz: the phonemes of a word; its own code is NumPy;
- silero-vad: an LSTM in an .onnx: the probability of speech in a chunk of 32 ms, as a stream; its own code is ONNX
  Runtime behind PyTorch.  Here ONNX Runtime runs what stands before and after the LSTM.  And the LSTM alone;
- textgenrnn: two CuDNNLSTMs in an .hdf5: the next character; its own code is Keras 2 on TensorFlow.

What is not installed is left out; CONTRIBUTING.md says how to install it.  Fails where answers differ by more than
1e-5.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import types
import warnings
from importlib.metadata import distribution
from unittest import mock

import numpy as np

from benchmarks.measuring.measure import Contender, alternate, check_agreement, medians
from benchmarks.measuring.report import markdown_table, significant, write_json
from benchmarks.measuring.workers import installed

WORDS = ["activationist", "fastrnn", "zygohistomorphic", "a", "numba's"]
TEXTS = ["", "The quick brown fox jumps over the lazy dog", "What is the best wa"]
UNITS = {"g2p_en": "word", "silero_vad": "chunk", "silero_vad_lstm": "chunk", "textgenrnn": "character"}
WINDOW, CHUNK, CONTEXT = 40, 512, 64


def shipped(package, name):
    """The path of a file that a package ships; the package is not imported."""
    try:
        found = distribution(package).locate_file(name)
    except importlib.metadata.PackageNotFoundError:
        raise ImportError(f"{package} is not installed") from None
    return str(found)


def sound(seconds=2, rate=16000):
    """Something like a voice that comes and goes, (samples,)."""
    t = np.arange(int(seconds * rate)) / rate
    rng = np.random.default_rng(0)
    pitch = np.cumsum(120 + 30 * np.sin(5 * t)) / rate
    voice = sum(np.sin(2 * np.pi * k * pitch) / k for k in range(1, 20)) * (np.sin(7 * t) > 0)
    return (0.2 * voice + 0.01 * rng.standard_normal(len(t))).astype("float32")


# ------------------------------------------------------------------------------------------- their own code


def own_g2p():
    """`g2p_en.G2p`, without the dictionaries of NLTK, which it would download."""
    with mock.patch("nltk.data.find"):
        module = importlib.import_module("g2p_en.g2p")
    module.cmudict = types.SimpleNamespace(dict=dict)
    return module.G2p()


def own_silero():
    """`silero_vad.load_silero_vad(onnx=True)`: it takes a chunk (1, 512) as a tensor, and the rate."""
    return importlib.import_module("silero_vad").load_silero_vad(onnx=True)


def own_textgenrnn():
    """The model of `textgenrnn.model`; its package does not import beside the TensorFlow of today."""
    os.environ |= {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    package = types.ModuleType("textgenrnn")
    package.__path__ = [shipped("textgenrnn", "textgenrnn")]
    sys.modules["textgenrnn"] = package
    make = importlib.import_module("textgenrnn.model").textgenrnn_model
    shape = {"rnn_layers": 2, "rnn_size": 128, "rnn_bidirectional": False, "max_length": WINDOW, "dim_embeddings": 100}
    weights = shipped("textgenrnn", "textgenrnn/textgenrnn_weights.hdf5")
    return make(len(vocabulary()) + 1, cfg=shape, weights_path=weights)


def vocabulary():
    """The numbers of the characters of textgenrnn."""
    with open(shipped("textgenrnn", "textgenrnn/textgenrnn_vocab.json"), encoding="utf-8") as file:
        return json.load(file)


def windows(texts):
    """The last characters of each text, behind its mark of a beginning, as numbers (n, 40)."""
    known = vocabulary()
    numbers = [[known["<s>"], *(known.get(c, 0) for c in text)][-WINDOW:] for text in texts]
    return np.array([[0] * (WINDOW - len(row)) + row for row in numbers])


# ------------------------------------------------------------------------------------------- the same with our layers


class OurG2p:
    """The phonemes of words, as `g2p_en.G2p.predict`."""

    def __init__(self):
        from fastrnn.layers import GRU

        with np.load(shipped("g2p_en", "g2p_en/checkpoint20.npz")) as file:
            self.arrays = dict(file)
        self.encoder, self.decoder = (self._layer(GRU, part) for part in ("enc", "dec"))

    def _layer(self, kind, part):
        names = {"weight_ih_l0": "w_ih", "weight_hh_l0": "w_hh", "bias_ih_l0": "b_ih", "bias_hh_l0": "b_hh"}
        state = {name: self.arrays[f"{part}_{theirs}"] for name, theirs in names.items()}
        layer = kind(state["weight_ih_l0"].shape[1], state["weight_hh_l0"].shape[1])
        layer.load_state_dict(state)
        return layer.eval()

    def encode(self, letters):
        """The encoder's last state (1, 256) of the numbers of letters."""
        return self.encoder(self.arrays["enc_emb"][letters])[1]

    def step(self, phoneme, state):
        """The logits (74,) after one more phoneme, and the state."""
        _, state = self.decoder(self.arrays["dec_emb"][[phoneme]], state)
        return self.arrays["fc_w"] @ state[0] + self.arrays["fc_b"], state

    def predict(self, letters):
        """The numbers of the phonemes of a word, given those of its letters and its end."""
        found, phoneme, state = [], 2, self.encode(letters)
        while len(found) < 20:
            logits, state = self.step(phoneme, state)
            phoneme = int(logits.argmax())
            if phoneme == 3:
                break
            found.append(phoneme)
        return found


class OurSilero:
    """Probabilities of speech, chunk by chunk, as `silero_vad.load_silero_vad`."""

    def __init__(self):
        import onnx
        import onnxruntime

        from fastrnn.interchange import from_onnx

        path = shipped("silero-vad", "silero_vad/data/silero_vad_16k_sequence.onnx")
        model = onnx.shape_inference.infer_shapes(onnx.load(path))
        (node,) = [node for node in model.graph.node if node.op_type == "LSTM"]
        self.lstm = from_onnx(model)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3

        def session(inputs, outputs):
            part = onnx.utils.Extractor(model).extract_model(inputs, outputs)
            return onnxruntime.InferenceSession(part.SerializeToString(), options)

        before, after = node.input[0], node.output[0]
        self.front, self.tail = session(["input"], [before]), session([after], ["speech_probs"])
        self.own_lstm = session([before, "h", "c"], [after, "hn", "cn"])
        self._before, self._after = before, after
        self.reset()

    def reset(self):
        """Begin anew."""
        self.context, self.state = np.zeros((1, CONTEXT), "float32"), None

    def features(self, chunk):
        """What the LSTM reads (1, 1, 128) of a chunk (512,)."""
        x = np.concatenate([self.context, chunk[np.newaxis]], axis=1)
        self.context = x[:, -CONTEXT:]
        return self.front.run(None, {"input": x})[0]

    def __call__(self, chunk):
        """The probability of speech in the next chunk (512,)."""
        output, self.state = self.lstm(self.features(chunk), self.state)
        return self.tail.run(None, {self._after: output[:, np.newaxis]})[0].item()

    def own_step(self, x, h, c):
        """What ONNX Runtime makes of one step of the LSTM."""
        return self.own_lstm.run(None, {self._before: x, "h": h, "c": c})


class OurTextgenrnn:
    """Probabilities of the next character, as the model of textgenrnn."""

    def __init__(self):
        import h5py

        from fastrnn.interchange import from_keras
        from fastrnn.layers import LSTM

        with h5py.File(shipped("textgenrnn", "textgenrnn/textgenrnn_weights.hdf5")) as file:
            arrays = {name: [file[name][n][()] for n in file[name].attrs["weight_names"]] for name in file}
        (self.vectors,), (self.attention,) = arrays["embedding"], arrays["attention"]
        self.kernel, self.bias = arrays["output"]
        levels = {"rnn_1": LSTM(100, 128, batch_first=True), "rnn_2": LSTM(128, 128, batch_first=True)}
        self.levels = [from_keras(level, arrays[name]).eval() for name, level in levels.items()]

    def __call__(self, numbers):
        """Probabilities (n, 465) of what comes after windows (n, 40)."""
        parts = [self.vectors[numbers]]
        for level in self.levels:
            parts.append(level(parts[-1])[0])
        rows = np.concatenate(parts, axis=2)
        logits = (rows @ self.attention)[..., 0]
        share = np.exp(logits - logits.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True) + 1e-7
        scores = np.einsum("nt,ntf->nf", share, rows) @ self.kernel + self.bias
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)


# ------------------------------------------------------------------------------------------- side by side


def chunks():
    """The chunks (n, 512) of a sound."""
    x = sound()
    return x[: len(x) // CHUNK * CHUNK].reshape(-1, CHUNK)


LETTERS = ["<pad>", "<unk>", "</s>", *"abcdefghijklmnopqrstuvwxyz"]


def letters(word):
    """The numbers of a word's letters for g2p_en, and its end."""
    return [LETTERS.index(c) if c in LETTERS else 1 for c in word] + [2]


class Ours:
    """Public models with layers of fastrnn."""

    name = "fastrnn"

    def __init__(self, threads):
        import numba

        numba.set_num_threads(threads)

    def g2p_en(self, _):
        """All words."""
        model, words = OurG2p(), [letters(word) for word in WORDS]
        found = {str(k): np.array(model.predict(word)) for k, word in enumerate(words)}
        return [Contender(self.name, lambda: [model.predict(word) for word in words], lambda: found)]

    def silero_vad(self, _):
        """The chunks of a sound."""
        model, x = OurSilero(), chunks()

        def run():
            model.reset()
            return [model(chunk) for chunk in x]

        return [Contender(self.name, run, lambda: {"p": np.array(run())})]

    def silero_vad_lstm(self, _):
        """Steps of the LSTM alone."""
        model = OurSilero()
        steps = [model.features(chunk) for chunk in chunks()]

        def run():
            state = None
            for x in steps:
                output, state = model.lstm(x, state)
            return output

        return [Contender(self.name, run, lambda: {"h": run()[0, 0]})]

    def textgenrnn(self, _):
        """The character after one window."""
        model, x = OurTextgenrnn(), windows(TEXTS)
        return [Contender(self.name, lambda: model(x[1:2]), lambda: {"p": model(x)})]


class Own:
    """The models' own code."""

    name = "its own code"

    def __init__(self, threads):
        kinds = "OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"
        os.environ |= dict.fromkeys(kinds, str(threads))
        warnings.simplefilter("ignore")
        self.threads = threads

    def g2p_en(self, _):
        """All words."""
        from threadpoolctl import threadpool_limits

        threadpool_limits(self.threads)
        model = own_g2p()
        found = {str(k): np.array([model.p2idx[p] for p in model.predict(word)]) for k, word in enumerate(WORDS)}
        return [Contender(self.name, lambda: [model.predict(word) for word in WORDS], lambda: found)]

    def silero_vad(self, _):
        """The chunks of a sound."""
        model = own_silero()
        tensors = [importlib.import_module("torch").from_numpy(chunk[np.newaxis]) for chunk in chunks()]

        def run():
            model.reset_states()
            return [model(x, 16000).item() for x in tensors]

        return [Contender(self.name, run, lambda: {"p": np.array(run())})]

    def silero_vad_lstm(self, _):
        """Steps of the LSTM alone, which ONNX Runtime makes."""
        model, zeros = OurSilero(), np.zeros((1, 1, 128), "float32")
        steps = [model.features(chunk) for chunk in chunks()]

        def run():
            h = c = zeros
            for x in steps:
                output, h, c = model.own_step(x, h, c)
            return output

        return [Contender(self.name, run, lambda: {"h": run()[0, 0, 0]})]

    def textgenrnn(self, _):
        """The character after one window, as its `generate` asks for it."""
        model, x = own_textgenrnn(), windows(TEXTS)
        return [
            Contender(self.name, lambda: model.predict(x[1:2], batch_size=1, verbose=0),
                      lambda: {"p": model.predict(x, verbose=0)})]  # fmt: skip


COUNTS = {"g2p_en": len(WORDS), "silero_vad": len(chunks()), "silero_vad_lstm": len(chunks()), "textgenrnn": 1}


def measure(workers, model, repeats):
    """Return the row of one model, or a sentence on what is missing."""
    try:
        contenders = [contender for worker in workers for contender in worker.contenders(model, None)]
    except ImportError as error:
        return f"{model} skipped: {error}"
    check_agreement(contenders, 1e-5)
    us = {name: 1e6 * s / COUNTS[model] for name, s in medians(alternate(contenders, repeats)).items()}
    return {"model": model, "unit": UNITS[model], **us}


def main(arguments=None):
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promises.public_models")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    workers, _ = installed([Ours, Own], 1)
    found = [measure(workers, model, options.repeats) for model in UNITS]
    rows = [row for row in found if isinstance(row, dict)]
    print(*(row for row in found if isinstance(row, str)), sep="\n")
    cells = [
        [row["model"], row["unit"], *(significant(row[kind.name]) for kind in (Ours, Own)),
         significant(row[Own.name] / row[Ours.name])] for row in rows
    ]  # fmt: skip
    print(markdown_table(["model", "a", "fastrnn, us", "its own code, us", "times"], cells))
    write_json(options.json, rows)


if __name__ == "__main__":
    main()
