"""Recurrent layers with the constructors and calls of PyTorch, and what networks put around them."""

from importlib import import_module

_PLACES = {"GRU": "recurrent", "LSTM": "recurrent", "RNN": "recurrent", "SLSTM": "slstm",
    "SRU": "minimal", "MinGRU": "minimal", "MinLSTM": "minimal"}  # fmt: skip
"""Where each is: estimators need none of them."""

__all__ = [*_PLACES]


def __getattr__(name):
    if name not in _PLACES:
        raise AttributeError(f"module 'fastrnn.layers' has no attribute {name!r}")
    return globals().setdefault(name, getattr(import_module(f"fastrnn.layers.{_PLACES[name]}"), name))


def __dir__():
    return __all__
