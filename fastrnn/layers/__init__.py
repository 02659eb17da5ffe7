"""Recurrent layers with the constructors and calls of PyTorch, and what networks put around them."""

from fastrnn.layers.minimal import SRU, MinGRU, MinLSTM
from fastrnn.layers.recurrent import GRU, LSTM, RNN
from fastrnn.layers.slstm import SLSTM

__all__ = ["GRU", "LSTM", "RNN", "SLSTM", "SRU", "MinGRU", "MinLSTM"]
