"""Move models from and to other libraries: weights of PyTorch and Keras, and ONNX. None is imported before its use."""

from fastrnn.interchange.keras_weights import from_keras, to_keras
from fastrnn.interchange.onnx_export import to_onnx
from fastrnn.interchange.onnx_import import from_onnx
from fastrnn.interchange.state_dicts import from_torch, to_torch

__all__ = ["from_keras", "from_onnx", "from_torch", "to_keras", "to_onnx", "to_torch"]
