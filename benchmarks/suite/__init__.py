"""The asv suite. Compilation happens in `setup`; a score is tracked beside each time."""
