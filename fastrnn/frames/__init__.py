"""Time series as people have them, in arrays or tables: read once, and forecasts given back in kind.

pandas is optional, and imported only where a table came in; its calendars are those of all libraries' tables.
"""

from fastrnn.frames.form import Form
from fastrnn.frames.offsets import is_offset
from fastrnn.frames.reading import read_covariates, read_series

__all__ = ["Form", "is_offset", "read_covariates", "read_series"]
