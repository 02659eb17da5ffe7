"""Losses with their kernels, what a forecasting network says of numbers to come, and what outputs become as answers."""
