"""Numba kernels: vectors and tiles, activations, the cells.  They fill arrays and check nothing."""
