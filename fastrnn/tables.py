"""Tables of pandas and of other libraries: what is one, and what its columns hold.

No library is imported before one of its objects has come in; those of others than pandas are read through narwhals.
"""

import ast
from contextlib import suppress
from datetime import UTC, date
from functools import lru_cache, partial
from importlib import import_module
from numbers import Number

import numpy as np

from fastrnn.wording import optional, shown

LONG = ("unique_id", "ds", "y")
"""What the columns of a long table are called: ids, times and values."""
NUMBERS = {type(np.dtype(kind)) for kind in "?bBhHiIlLqQfd"}
"""NumPy's types of columns that are numbers, and none of them missing."""
KINDS = {"String", "Categorical", "Date", "Boolean", *(f"{u}Int{bits}" for u in ("", "U") for bits in (8, 16, 32, 64))}
"""Of columns, which their values alone do not tell."""
LARGE = "large_string"
SHOWN_BY = ("columns", "column_names", "__dataframe__", "__narwhals_dataframe__", "__narwhals_series__")
"""Of which a table of any library has some."""
WITH_INDEX = {"modin": "modin.pandas", "cudf": "cudf"}
"""Libraries whose tables have an index, as pandas has it, and their modules with a DataFrame and a Series."""
ENCODE = "; convert or encode it, as by pandas.to_numeric, to_datetime or get_dummies, or leave it out"
AS_CATEGORIES = ", or name it in categorical_features"
WAYS = ("to_pandas", "toPandas", "to_dataframe", "compute", "df", "collect")
"""Out of what has no rows yet, by its methods."""


def library(x):
    """Whose table, or column of one, x is: "pandas", the name of another library, or None if it is neither."""
    return library_of(type(x))


@lru_cache(maxsize=256)
def library_of(cls):
    """Likewise, of all objects of a class."""
    tops = [base.__module__.partition(".")[0] for base in cls.__mro__]
    if hasattr(cls, "iloc") and (known := [top for top in tops if top in ("pandas", *WITH_INDEX)]):
        return known[0]
    is_column = hasattr(cls, "__arrow_c_stream__") and tops[0] in ("polars", "pyarrow")
    return tops[0] if is_column or any(hasattr(cls, name) for name in SHOWN_BY) else None


def opened(x, what):
    """A table or column of another library than pandas as narwhals has it."""
    which = f"{what} is a {type(x).__name__} of {library(x)}"
    narwhals = optional("narwhals", f"{which}: pass {what}.to_pandas(), or install narwhals, which reads it")
    try:
        found = narwhals.from_native(x, allow_series=True, pass_through=True)
    except narwhals.exceptions.DuplicateError:
        refuse_twice(x.column_names, what)
        raise
    if not isinstance(found, (narwhals.DataFrame, narwhals.Series)):
        way = next((way for way in WAYS if hasattr(x, way)), "to_pandas")
        raise ValueError(f"{which}, which is not read as it is: pass {what}.{way}()")
    return found


def labels(x, what="X"):
    """What the columns of a table are called, in order; None for all else."""
    whose, cls = library(x), type(x)
    if whose is None or getattr(x, "ndim", 2) == 1 or not (hasattr(cls, "columns") or hasattr(cls, "column_names")):
        return None
    if not hasattr(x, "shape"):
        opened(x, what)  # an error: it has no rows yet
    # pyarrow's `columns` are the values.
    return list(x.column_names if hasattr(cls, "column_names") else x.columns)


def refuse_twice(names, what):
    """Two columns of one name are an error."""
    if len({*names}) < len(names):
        raise ValueError(f"{what} has the column {max(names, key=[*names].count)!r} twice: rename or leave out one")


def in_time(frame, id_col, time_col):
    """The numbers of a long frame's rows, sequence by sequence, in the order of their times."""
    return np.lexsort([frame[time_col].array.argsort().argsort(), frame[id_col].factorize()[0]])


def refuse_long(x, what):
    """A table with a row for each step is neither a sequence nor a table of them."""
    names = labels(x, what)
    is_stacked = library(x) == "pandas" and x.index.nlevels > 1
    if is_stacked or names and not {*LONG[:2]}.isdisjoint(names):
        why = "a MultiIndex" if is_stacked else f"the column {next(name for name in names if name in LONG[:2])!r}"
        advice = "fastrnn.preprocessing.from_long makes sequences of the whole table; or leave out what is no feature"
        raise ValueError(f"{what} has {why}, as a long table with a row for each step: {advice}")


def columns(table, what):
    """What the columns of a table hold, arrays (n,) by their names: NaN or NaT where nothing is."""
    refuse_twice(labels(table, what), what)
    if library(table) == "pandas":
        return {name: _values(table.iloc[:, j]) for j, name in enumerate(table.columns)}
    found = opened(table, what)
    return {name: found[name].to_numpy() for name in found.columns}


def _values(column):
    """Of a pandas Series."""
    if type(column.dtype) in NUMBERS:
        return column.to_numpy()
    if column.dtype == "category":
        column = column.astype(object if column.hasnans else column.cat.categories.dtype)
    return column.to_numpy() if column.dtype.kind in "mM" else column.to_numpy(na_value=np.nan)


def numbers(x, what, times=None, kept=None):
    """The numbers (n, C) of a table, or (n,) of a column: NaN where there is none.

    Of dates in the column `times` they are seconds.  Columns that are `kept`, in lists by their names, may hold
    anything: in place of it there is 0.

    Raises
    ------
    ValueError, TypeError
        If a column holds anything else, which the message names, or has the name of another.
    """
    names = labels(x, what)
    if names is None:
        return _numbers(_values(x) if library(x) == "pandas" else opened(x, what).to_numpy(), what)
    if library(x) == "pandas" and not kept and all(type(dtype) in NUMBERS for dtype in x.dtypes):
        refuse_twice(names, what)
        return x.to_numpy()
    read = {times: seconds} | {name: partial(_keep, values) for name, values in (kept or {}).items()}
    found = [read.get(name, _numbers)(column, f"{what}, column {name!r},") for name, column in columns(x, what).items()]
    return np.column_stack(found) if found else np.empty((len(x), 0))


def _keep(values, column, what):
    refuse_nested(column, what)
    values.append(column if column.dtype.kind not in "mM" else column.astype(object))
    return np.zeros(len(column))


def are_categorical(table):
    """Whether the columns of a table have the type of categories."""
    if library(table) == "pandas":
        return [dtype == "category" for dtype in table.dtypes]
    return [str(dtype).startswith(("Categorical", "Enum")) for dtype in opened(table, "X").schema.values()]


def _numbers(column, what):
    refuse_nested(column, what)
    if column.dtype.kind in "OUSc":
        return as_numbers(column.astype(object), what)
    if column.dtype.kind in "mM":
        stacked = "a table with a row for each step by fastrnn.preprocessing.from_long"
        ways = {"m": "divide it by a unit of time", "M": f"leave it out, or make sequences of {stacked}"}
        raise ValueError(f"{what} holds {column.dtype} values, which are no numbers: {ways[column.dtype.kind]}")
    return column


def seconds(times, what):
    """Times (n,) as numbers in float64: of dates, or what lies between them, the seconds, exact to a millionth."""
    if times.dtype == object and times.size and all(isinstance(time, date) for time in times):
        times = np.array([*map(_unzoned, times)], "M8[us]")
    if times.dtype.kind not in "mM":
        return _numbers(times, what).astype(np.float64)
    times = times.astype(f"{times.dtype.kind}8[us]")
    return np.where(np.isnat(times), np.nan, times.astype(np.int64) / 1e6)


def _unzoned(time):
    """A date as NumPy takes it, which knows no zones."""
    if time != time:
        return np.datetime64("NaT")
    return time.astimezone(UTC).replace(tzinfo=None) if getattr(time, "tzinfo", None) else time


def refuse_nested(cells, what):
    """Cells must hold one value each."""
    many = (cell for cell in cells if hasattr(cell, "__len__") and not isinstance(cell, (str, bytes, dict)))
    if (cells.dtype == object or cells.ndim > 1) and (cell := next(many, None)) is not None:
        found = f"{what} has a {type(cell).__name__} in a cell, as a nested table with a row for each sequence"
        raise ValueError(f"{found}: fastrnn.preprocessing.from_nested makes sequences of it")


def advice(x, name, *, groups="give fastrnn.preprocessing.from_long the table that it groups"):
    """What to do with a container whose items are not there in the order of a list; "" for all else."""
    if isinstance(x, dict):
        return f"pass list({name}.values()), whose order is that of list({name})"
    if "groupby" in type(x).__name__.lower():
        return groups
    if hasattr(x, "__iter__") and not hasattr(x, "__getitem__") and not isinstance(x, (set, frozenset)):
        return f"pass list({name})"
    if getattr(getattr(x, "dtype", None), "names", None):
        return f"pass pandas.DataFrame({name}), a table of its fields"
    way = next((way for way in WAYS if hasattr(x, way)), None)
    is_array = hasattr(x, "shape") or hasattr(x, "__arrow_c_array__")
    return f"pass {name}.{way}()" if way and library(x) is None and not is_array else ""


def as_numbers(array, what):
    """An array of objects as float64; NumPy would read strings as numbers."""
    for value in array.flat:
        if isinstance(value, (str, bytes, complex, np.complexfloating, np.datetime64, np.timedelta64)):
            advice = ENCODE * ("column " in what) + AS_CATEGORIES * (what.startswith("X[") and "column " in what)
            raise ValueError(f"{what} holds values that are no numbers: {shown(value)}{advice}")
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        wrong = next((value for value in array.flat if not isinstance(value, (Number, type(None)))), None)
        raise type(error)(f"{what} holds values that are no numbers: {shown(wrong)} ({error})") from None


# ------------------------------------------------------------------------------ to pandas, and back


def to_pandas(x, what):
    """Another library's table or column as a pandas DataFrame or Series; that library, and the columns' types by name.

    Those without an index are read column by column: their own ways take pyarrow.
    """
    found = opened(x, what)
    pd = optional("pandas", f"time series in a {type(x).__name__} take pandas")
    backend = found.implementation.value
    if backend in WITH_INDEX:
        return found.to_pandas(), backend, {}
    if labels(x, what) is None:
        return pd.Series(found.to_numpy(), name=found.name or None), backend, {}
    types = {name: repr(dtype) for name, dtype in found.schema.items()}
    if backend == "pyarrow":  # of which narwhals has one type of strings
        types |= {field.name: LARGE for field in found.to_native().schema if field.type == LARGE}
    return pd.DataFrame({name: _zoned(pd, found[name]) for name in found.columns}), backend, types


def _zoned(pd, column):
    """The values of a narwhals column, times with their zone, texts of an Enum in its order."""
    zone, order = (getattr(column.dtype, name, None) for name in ("time_zone", "categories"))
    values = column.to_numpy()
    if order is not None:
        return pd.Categorical(values, [*order], ordered=True)
    return pd.DatetimeIndex(values, tz="UTC").tz_convert(zone) if zone else values


def from_pandas(found, backend, types):
    """A pandas DataFrame or Series as another library has it, in columns of these types where they are known."""
    try:
        if backend in WITH_INDEX:
            return getattr(import_module(WITH_INDEX[backend]), type(found).__name__)(found)
        import narwhals

        if found.ndim == 1:
            return narwhals.new_series(found.name or "", found.to_numpy(), backend=backend).to_native()
        made = {str(name): _made(narwhals, found[name], types.get(name, ""), backend) for name in found.columns}
        return narwhals.from_dict(made).to_native()
    except ImportError as error:
        raise ImportError(f"forecasts come as a table of {backend}, as the series did: {error}") from None


def _made(narwhals, column, kind, backend):
    """A narwhals column of a pandas one."""
    zone, dtype = getattr(column.dtype, "tz", None), _dtype(narwhals, kind)
    values = (column if zone is None else column.dt.tz_convert(None)).to_numpy()
    # Dates are in seconds, which not all libraries have.
    values = values.astype("M8[us]") if dtype == narwhals.Date else values
    made = narwhals.new_series(str(column.name), values, backend=backend)
    if zone is not None:
        return made.dt.replace_time_zone("UTC").dt.convert_time_zone(str(zone))
    with suppress(Exception):  # values may not fit in, as steps beyond 255: each library has errors of its own
        if kind == LARGE:
            return narwhals.from_native(made.to_native().cast(LARGE), series_only=True)
        return made if dtype is None else made.cast(dtype)
    return made


def _dtype(narwhals, kind):
    """The type of a column that narwhals writes so, if its values alone do not tell."""
    name, _, categories = kind.partition("(categories=")
    if name == "Enum":
        with suppress(SyntaxError, TypeError, ValueError):  # of a file that was tampered with
            return narwhals.Enum(ast.literal_eval(categories.removesuffix(")")))
    return getattr(narwhals, name) if name in KINDS else None
