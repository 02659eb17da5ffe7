"""Weights from and to other libraries, none of which is imported here."""

from fastrnn.interchange.keras_weights import from_keras, to_keras
from fastrnn.interchange.state_dicts import from_torch, to_torch

__all__ = ["from_keras", "from_torch", "to_keras", "to_torch"]
