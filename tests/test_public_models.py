"""Recurrent layers that packages on PyPI ship answer as in the packages' own code, where these are installed."""

import numpy as np
import pytest
from make_textgenrnn import PATH
from reference import assert_within
from safetensors.numpy import load_file
from samples import assert_same_bits

from benchmarks.promises import public_models as models
from fastrnn.interchange import from_onnx

pytestmark = pytest.mark.filterwarnings("ignore")  # theirs


def made(make, *arguments):
    """What a function makes, where what it needs is installed."""
    try:
        return make(*arguments)
    except ImportError as error:
        pytest.skip(f"a public model is not installed: {error}")


def test_phonemes_of_g2p_en():
    ours, own = made(models.OurG2p), made(models.own_g2p)
    for word in [*models.WORDS, "x", "antidisestablishmentarianism"]:
        letters = models.letters(word)
        state = ours.encode(letters)
        names = [f"enc_{name}" for name in ("w_ih", "w_hh", "b_ih", "b_hh")]
        expected = own.gru(own.encode(word), len(letters), *(getattr(own, name) for name in names))
        assert_within(1e-5, state, expected[:, -1])
        phonemes = ours.predict(letters)
        assert [own.idx2p[k] for k in phonemes] == own.predict(word)
        h = expected[:, -1]
        for phoneme in [2, *phonemes]:
            logits, state = ours.step(phoneme, state)
            h = own.grucell(own.dec_emb[[phoneme]], h, own.dec_w_ih, own.dec_w_hh, own.dec_b_ih, own.dec_b_hh)
            assert_within(1e-5, state, h)
            assert_within(1e-5, logits, (h @ own.fc_w.T + own.fc_b)[0])


def test_speech_of_silero_vad():
    ours = made(models.OurSilero)
    silero, torch = (pytest.importorskip(name, reason="is its own code") for name in ("silero_vad", "torch"))
    found = [ours(chunk) for chunk in models.chunks()]
    assert min(found) < 0.1 and max(found) > 0.7
    for own in (models.own_silero(), silero.load_silero_vad()):  # by ONNX Runtime, and by PyTorch
        expected = [own(torch.from_numpy(chunk[np.newaxis]), 16000).item() for chunk in models.chunks()]
        assert_within(1e-5, found, expected)
    whole, _ = ours.lstm(np.concatenate([ours.features(chunk) for chunk in models.chunks()]))
    assert whole.shape == (len(found), 1, 128)


def test_files_of_silero_vad():
    """One LSTM for 16 kHz and one for 8 kHz, each twice, in branches of Ifs within Ifs, its weights put together."""
    path = made(models.shipped, "silero-vad", "silero_vad/data/silero_vad.onnx")
    name = "If_0_{}_branch__Inline_0__/decoder/{}/LSTM"
    layers = {
        (which, rnn): from_onnx(path, name.format(which, rnn)).state_dict()
        for which in ("then", "else")
        for rnn in ("rnn", "rnn_1")
    }
    alone = from_onnx(path.replace("silero_vad.onnx", "silero_vad_16k_sequence.onnx")).state_dict()
    for weight, array in alone.items():
        for rnn in ("rnn", "rnn_1"):
            assert_same_bits(layers["then", rnn][weight], array)
            assert_same_bits(layers["else", rnn][weight], layers["else", "rnn"][weight])
    with pytest.raises(ValueError, match="by nodes=, of If_0_else_branch__Inline_0__/decoder/rnn/LSTM, "):
        from_onnx(path)
    with pytest.raises(ValueError, match="no RNN, GRU or LSTM node, but .*Gemm, .*Sigmoid.*: give a layer its weights"):
        from_onnx(path.replace("silero_vad.onnx", "silero_vad_op18_ifless.onnx"))


def test_characters_of_textgenrnn():
    ours, frozen = made(models.OurTextgenrnn), load_file(PATH)
    assert np.array_equal(frozen["windows"], models.windows(models.TEXTS))
    assert_within(1e-5, ours(frozen["windows"]), frozen["probabilities"])
    known = {number: character for character, number in models.vocabulary().items()}
    assert known[int(ours(models.windows(["What is the best wa"]))[0].argmax())] == "y"


def test_characters_of_textgenrnn_itself():
    ours, x = made(models.OurTextgenrnn), made(models.windows, models.TEXTS)
    own = made(models.own_textgenrnn)  # if TensorFlow is there, too
    assert_within(1e-5, ours(x), own.predict(x, verbose=0))
