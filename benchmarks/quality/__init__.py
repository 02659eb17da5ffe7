"""Scores on real and generated sets, and the settings that were chosen for them."""
