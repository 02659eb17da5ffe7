"""Recurrent layers with PyTorch's constructors and calls, and what networks put around them."""

from fastrnn.layers.recurrent import GRU, LSTM, RNN

__all__ = ["GRU", "LSTM", "RNN"]
