"""Models for other libraries."""

from fastrnn.interchange.onnx_export import to_onnx

__all__ = ["to_onnx"]
