"""Parameters as one flat vector with named views, and their initial values."""

from math import prod

import numpy as np

from fastrnn.kernels.vectors import CACHE_LINE, zeros_aligned


class Parameters:
    """One flat vector of parameters, another of their gradients, and views of both by name.

    Matrices are stored transposed, (inputs, outputs), as the kernels read them; the view under a
    name has PyTorch's shape (outputs, inputs) and is a window on the same memory.  Until `bind`, or
    the first use, there are shapes and no memory.

    Parameters
    ----------
    shapes : dict of name to tuple
        PyTorch's shapes, in PyTorch's order.
    dtype : {"float32", "float64"}
    by_row : tuple of names
        Tables that are read row by row, stored as they are.
    undecayed : tuple of names
        Matrices that weight decay leaves alone.

    Attributes
    ----------
    values, gradients : ndarray (size,)
    offsets : dict of name to int
        Where each parameter begins in them.
    stored_gradients : dict of name to ndarray
        The gradients as stored.
    """

    def __init__(self, shapes, dtype, by_row=(), undecayed=()):
        self.shapes = dict(shapes)
        self.dtype = np.dtype(dtype)
        self._by_row, self._undecayed = frozenset(by_row), frozenset(undecayed)
        # Parameters start whole cache lines apart, so the vector has gaps of zeros that stay zero.
        line = CACHE_LINE // self.dtype.itemsize
        self.offsets, size = {}, 0
        for name, shape in self.shapes.items():
            self.offsets[name] = size
            size += -(-prod(shape) // line) * line
        self.size = size

    def __getattr__(self, name):
        if name not in ("values", "gradients", "_stored", "stored_gradients", "version"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        self.bind(zeros_aligned((self.size,), self.dtype), zeros_aligned((self.size,), self.dtype))
        return getattr(self, name)

    def bind(self, values, gradients):
        """Live in these two flat vectors (size,) from now on; their contents stay."""
        self.values, self.gradients = values, gradients
        self._stored = {name: self.stored_view(values, name) for name in self.shapes}
        self.stored_gradients = {name: self.stored_view(gradients, name) for name in self.shapes}
        self.version = object()

    def __getstate__(self):
        # Views would come back as arrays of their own, and gradients are of no use elsewhere.
        return {k: v for k, v in self.__dict__.items() if k not in ("_stored", "stored_gradients", "gradients")}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.bind(self.values, np.zeros_like(self.values))

    def stored_view(self, vector, name):
        """The parameter's place in a flat vector (size,) laid out like `values`, as stored."""
        shape = self.shapes[name] if name in self._by_row else self.shapes[name][::-1]
        start = self.offsets[name]
        return vector[start : start + prod(shape)].reshape(shape)

    def changed(self):
        """Tell whoever keeps something made from the values that they are others now."""
        self.version = object()

    def is_decayed(self):
        """For each element of the flat vector, whether weight decay holds for it: no bias, no gap, no table."""
        flags = np.zeros(self.size, bool)
        for name, shape in self.shapes.items():
            self.stored_view(flags, name)[...] = len(shape) > 1 and name not in self._undecayed
        return flags

    def stored(self, name):
        """The parameter as stored, a matrix (inputs, outputs)."""
        return self._stored[name]

    def __getitem__(self, name):
        return self._as_named(self._stored[name], name)

    def _as_named(self, stored, name):
        return stored if name in self._by_row else stored.T

    def gradient(self, name):
        """The gradient of a parameter, a view in PyTorch's shape."""
        return self._as_named(self.stored_gradients[name], name)

    def __iter__(self):
        return iter(self.shapes)

    def copies(self):
        """A dict of contiguous copies in PyTorch's shapes."""
        return {name: np.ascontiguousarray(self[name]).copy() for name in self}

    def load(self, mapping):
        """Set every parameter from a mapping in PyTorch's names and shapes.

        Raises
        ------
        ValueError
            If names are missing or unknown, a shape is another, or values are not finite in this
            precision; then nothing is changed.
        """
        missing, unknown = sorted(set(self.shapes) - set(mapping)), sorted(set(mapping) - set(self.shapes))
        if missing or unknown:
            raise ValueError(f"the state has other names than these layers: missing {missing}, unknown {unknown}")
        arrays = {name: checked(name, mapping[name], shape, self.dtype) for name, shape in self.shapes.items()}
        for name, array in arrays.items():
            self[name][...] = array
        self.changed()


def checked(name, value, shape, dtype, kinds="fiu"):
    """A value for a parameter as an array of this shape and dtype, if it holds finite numbers of NumPy's `kinds`."""
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} has rows of unequal lengths; expected an array of shape {shape}") from None
    if array.dtype.kind not in kinds:
        raise ValueError(f"{name} holds {array.dtype} values, not floating-point numbers")
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, expected {shape}")
    with np.errstate(over="ignore"):  # what overflows float32 is reported below
        array = array.astype(dtype)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has values that are not finite in {array.dtype}: NaN, infinity or too large")
    return array


def uniform(view, bound, rng):
    """Uniform in +-bound: with 1 / sqrt(H) PyTorch's choice for recurrent and dense layers."""
    view[...] = rng.uniform(-bound, bound, view.shape)


def orthogonal(view, rng):
    """Each block (H, H) of the rows a random orthogonal matrix: Saxe et al., ICLR 2014."""
    H = view.shape[1]
    for first in range(0, view.shape[0], H):
        q, r = np.linalg.qr(rng.normal(size=(H, H)))
        view[first : first + H] = q * np.sign(np.diag(r))
