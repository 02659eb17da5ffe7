"""The command line: ``python -m fastrnn forecast data.csv --time ds --target y --horizon 24``."""

import argparse
import os
import sys
import warnings
from difflib import get_close_matches
from io import BytesIO
from pathlib import Path

import numpy as np

from fastrnn import SequenceForecaster, __version__
from fastrnn.frames.calendar import IRREGULAR
from fastrnn.frames.inference import inferred
from fastrnn.frames.offsets import text_of
from fastrnn.inspection import ForecastDisplay
from fastrnn.inspection.drawing import check_matplotlib
from fastrnn.progress import Quiet
from fastrnn.storage import replacing

try:
    import pandas as pd
    from pandas.tseries.api import guess_datetime_format
except ImportError:
    pd = None

DRAWN = 6
"""Series, at most, in a picture."""
HELD_OUT = 3
"""Horizons, at most, that the backtest is on."""
AS_OPTIONS = {
    IRREGULAR: "correct it, or leave out --time, for rows in order",
    "read them with pandas.to_datetime(y['ds'].astype(str), format=": "pass --date-format (",
    "set missing='interpolate'": "pass --missing interpolate",
    "give its index a freq": "pass --freq, such as D or MS",
}
"""What the library's errors advise, for somebody at a command line."""
EXAMPLE = "Example: fastrnn forecast sales.csv --time day --target sold --horizon 28 --out next.csv --plot next.png"
WHAT = "Forecast the series in a CSV file; a backtest on its last rows, beside the simplest forecasts, comes first."


def main(argv=None):
    """Run a command.

    Parameters
    ----------
    argv : list of str, optional
        By default the arguments of the process.

    Returns
    -------
    int
        Its exit code: 2, after one line that tells why, for what the person who typed it can put right.
    """
    args = _parser().parse_args(argv)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: print(f"warning: {message}", file=Quiet(sys.stderr))
            _forecast(args)
    except (ValueError, ArithmeticError, ImportError, OSError) as error:
        text = f"{error.filename}: {error.strerror}" if getattr(error, "filename", None) else str(error)
        for old, new in AS_OPTIONS.items():
            text = text.replace(old, new)
        print("error:", *text.split(), file=Quiet(sys.stderr))
        return 2
    return 0


# ------------------------------------------------------------------------------------------ options


def steps(text):
    """A number of steps; argparse calls it by the name of this function."""
    if int(text) < 1:
        raise ValueError
    return int(text)


def season(text):
    """Likewise, or what stands for one."""
    return {"auto": "auto", "none": 1}.get(text) or steps(text)


def share(text):
    """Between 0 and 1."""
    if not 0 < float(text) < 1:
        raise ValueError
    return float(text)


def _parser():
    parser = argparse.ArgumentParser(prog="fastrnn", description="Recurrent networks on the CPU.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="command")
    add = commands.add_parser("forecast", help=WHAT, description=WHAT, epilog=EXAMPLE).add_argument
    add("data", help="CSV file with a row for each step of each series")
    add("--target", metavar="COLUMN", required=True, help="column of the numbers to forecast")
    add("--horizon", metavar="STEPS", type=steps, required=True, help="how many steps to forecast")
    add("--time", metavar="COLUMN", help="column of dates or whole numbers; without it rows are in order")
    add("--id", metavar="COLUMN", help="column that names the series, if there are many")
    add("--season", metavar="STEPS", type=season, nargs="+", default=["auto"],
        help="steps of a season, such as 12 of months, or several; none; or auto (default) to find one")  # fmt: skip
    add("--coverage", metavar="SHARE", type=share, nargs="+", default=[0.8, 0.95],
        help="which share of what comes intervals shall hold; by default 0.8 0.95")  # fmt: skip
    add("--missing", choices=["error", "interpolate"], default="error", help="of empty numbers and missing dates")
    add("--freq", help="of the dates, as pandas writes it: h, D, MS; without it they tell themselves")
    add("--date-format", metavar="FORMAT", help="of the dates, such as %%d.%%m.%%Y; without it they tell themselves")
    add("--sep", default=",", help="what separates columns, by default a comma")
    add("--epochs", metavar="N", type=steps, default=20, help="passes over the data, by default 20")
    add("--seed", metavar="N", type=int, default=0, help="of the random numbers, by default 0")
    add("--no-backtest", action="store_true", help="do not show how good forecasts have been")
    add("--out", metavar="FILE", help="CSV file for forecast and intervals; without it they are printed")
    add("--plot", metavar="FILE", help="picture, such as forecast.png")
    return parser


# ------------------------------------------------------------------------------------------ the command


def _forecast(args):
    _check_outputs(args)
    y, written = _read(args)
    sizes = y.groupby("unique_id", sort=False).size()
    span = f"{written(y['ds'].min())} to {written(y['ds'].max())}"
    print(f"{args.data}: {len(sizes)} series of {'-'.join(map(str, sorted({sizes.min(), sizes.max()})))} steps, {span}")
    seasons = "auto" if "auto" in args.season else args.season
    needed = args.horizon + 1 + (1 if seasons == "auto" else max(seasons))
    if sizes.max() < needed:
        raise ValueError(
            f"the longest series has {sizes.max()} rows; --horizon {args.horizon} with this season needs {needed}: "
            "give more, or forecast fewer steps"
        )
    tails = sorted({(1 - coverage) / 2 for coverage in args.coverage})
    forecaster = SequenceForecaster(
        horizon=args.horizon, season=seasons, quantiles=[*tails, 0.5, *(1 - tail for tail in tails)],
        missing=args.missing, max_iter=args.epochs, random_state=args.seed, verbose=True,
    )  # fmt: skip
    if not args.no_backtest:
        _backtest(forecaster, y, sizes, needed)
    forecaster.fit(y)
    freq = forecaster._stored().form.freq
    print("fitted to all rows;", f"frequency {freq};" * (freq is not None), "steps of a season:", *forecaster.season_)
    _write(args, forecaster, written)


def _backtest(forecaster, y, sizes, needed):
    """On the last horizons of what is long enough, by a fit on what comes before."""
    horizon = forecaster.horizon
    k = min(HELD_OUT, int(sizes.median() - needed) // horizon)
    if k < 1:
        print(f"no backtest: it needs {needed + horizon} rows of a series")
        return
    y = y[y["unique_id"].map(sizes) >= needed + k * horizon]
    groups = y.groupby("unique_id", sort=False)
    forecaster.fit(y[groups.cumcount(ascending=False) >= k * horizon])
    tested = forecaster.backtest(y, step=horizon, metrics=("mase", "smape", "mae", "coverage"))
    print(f"\nBacktest on the last {k * horizon} steps, unseen by its fit (coverage: of the widest interval)")
    print(f"{tested}\n")


def _write(args, forecaster, written):
    """The forecast as a table and as a picture."""
    table = forecaster.predict()
    table["ds"] = table["ds"].map(written)
    table = table.rename(columns={"unique_id": args.id, "ds": args.time or "step", "y": "forecast"})
    for coverage in sorted(set(args.coverage)):
        names = [f"{end}_{100 * coverage:.4g}" for end in ("lower", "upper")]
        table[names] = forecaster.predict_interval(coverage)[["lower", "upper"]]
    table = table if args.id else table.iloc[:, 1:]
    if args.out is None:
        print(table.to_string(index=False))
    else:
        with replacing(args.out) as unfinished:
            table.to_csv(unfinished, index=False, float_format="%.10g")
    if args.plot is not None:
        _draw(forecaster, args.plot)


def _draw(forecaster, path):
    from matplotlib.figure import Figure

    n = min(DRAWN, n_series := forecaster._stored().form.n_series)
    axes = Figure(figsize=(8, 1 + 3 * n), layout="constrained").subplots(n, squeeze=False).ravel()
    for k, ax in enumerate(axes):
        ForecastDisplay.from_estimator(forecaster, series=k, ax=ax).ax_.get_legend().set_visible(k == 0)
    with replacing(path) as unfinished:
        ax.figure.savefig(unfinished, format=Path(path).suffix[1:])
    if n < n_series:
        print(f"{path} shows the first {n} of {n_series} series")


def _check_outputs(args):
    """What cannot be written shall not be found out after the fit."""
    if args.plot is not None:
        check_matplotlib("--plot")
        from matplotlib.figure import Figure

        Figure().savefig(BytesIO(), format=Path(args.plot).suffix[1:] or "nothing")  # an error names what there is
    for path in map(Path, filter(None, (args.out, args.plot))):
        folder = path.resolve().parent
        if path.is_dir() or not (folder.is_dir() and os.access(folder, os.W_OK)):
            raise ValueError(f"{path} cannot be written: name a file in a folder that is there and may be written to")
        if path.resolve() == Path(args.data).resolve():
            raise ValueError(f"{path} is the file to read: name another to write")


# ------------------------------------------------------------------------------------------ reading


def _read(args):
    """The file as a long DataFrame, and a function that writes its times as they were."""
    if pd is None:
        raise ImportError('reading a file takes pandas: pip install "fastrnn[pandas]"')
    try:
        table = pd.read_csv(args.data, sep=args.sep, dtype=str, skipinitialspace=True)
    except ValueError as error:
        raise ValueError(f"{args.data} is no table that can be read: {error}") from None
    given = {"unique_id": args.id, "ds": args.time, "y": args.target}
    names = {name: column for column, name in given.items() if name is not None}
    if table.empty or len(names) < 3 - list(given.values()).count(None):
        raise ValueError(f"{args.data} has no rows, or --id, --time and --target do not name different columns")
    for name in names:
        if name not in table.columns:
            known = {column.lower(): column for column in table.columns}
            near = "".join(f" (is it {known[other]!r}?)" for other in get_close_matches(name.lower(), known, 1))
            raise ValueError(f"{args.data} has no column {name!r}{near}; it has: {', '.join(table.columns)}")
    y = table[list(names)].rename(columns=names)
    y = y if args.id else y.assign(unique_id=args.target)
    for name, column in names.items():
        if column != "y" or args.missing == "error":
            _refuse(y[column].isna(), f"there is no {name}: fill it in, or see --missing of --help", y[column])
    text, y["y"] = y["y"], pd.to_numeric(y["y"], errors="coerce")
    _refuse(y["y"].isna() & text.notna(), f"{args.target} is {{}}: write a number such as 1234.5", text)
    if args.time is None:
        return y.assign(ds=y.groupby("unique_id", sort=False).cumcount()), str
    y["ds"], written = _times(y["ds"], args)
    return _in_order(y, args), written


def _refuse(wrong, what, text):
    """An error that names the first line of the file that is wrong, if there is any."""
    if wrong.any():
        row = wrong.idxmax()
        raise ValueError(f"line {row + 2}: {what.format(repr(str(text[row])))}")


def _times(text, args):
    """Numbers or dates, and a function that writes them."""
    days = pd.to_datetime(text.where(text.str.fullmatch(r"(19|20)\d{6}")), format="%Y%m%d", errors="coerce")
    if args.date_format is None and text.str.fullmatch(r"-?\d{1,9}").all() and days.isna().any():
        return text.astype(np.int64), str
    orders = {False, not text.iloc[0][:4].isdigit()}
    with warnings.catch_warnings(action="ignore"):  # that the day comes first
        guesses = {guess_datetime_format(text.iloc[0], dayfirst=order) for order in orders}
    forms = [args.date_format] if args.date_format else sorted({"ISO8601", *guesses} - {None})
    # Offsets change with the season: what has one is read, and written, as UTC.
    options = {"errors": "coerce", "utc": "%z" in "".join(forms)}
    try:
        found = {form: pd.to_datetime(text, format=form, **options) for form in forms}
    except ValueError as error:
        raise ValueError(f"{args.time} cannot be read, pass another --date-format: {error}") from None
    form, dates = min(found.items(), key=lambda pair: pair[1].isna().sum())
    _refuse(dates.isna(), f"{args.time} is {{}}, no date like the others: correct it, or pass --date-format", text)
    for other, its in found.items():
        if its.notna().all() and (its != dates).any():
            raise ValueError(f"{args.time} may be read as {form} or {other}: pass one of them as --date-format")
    return dates, lambda date: date.isoformat() if form == "ISO8601" else date.strftime(form)


def _in_order(y, args):
    """Sorted by time, each time once; on the grid of a frequency if that is asked for."""
    same = y.duplicated(["unique_id", "ds"])
    _refuse(same, f"there was a row of {{}} before: keep one{' a series, or pass --id' * (not args.id)}", y["ds"])
    y = y.iloc[np.lexsort([y["ds"], pd.factorize(y["unique_id"])[0]])]
    if args.missing == "error" and args.freq is None or y["ds"].dtype.kind != "M":
        return y
    groups = y.groupby("unique_id", sort=False)
    freq = args.freq or inferred(pd.DatetimeIndex(groups.get_group(groups.size().idxmax())["ds"]))
    if freq is None:
        raise ValueError("the dates show no frequency: pass --freq, such as D or MS")
    freq = pd.tseries.frequencies.to_offset(freq)
    return pd.concat([_on_grid(part, freq) for _, part in groups], ignore_index=True)


def _on_grid(part, freq):
    """The rows of a series, with empty ones for the dates left out."""
    ds = part["ds"]
    grid = pd.date_range(*ds.iloc[[0, -1]], freq=freq)
    _refuse(~ds.isin(grid), f"{{}} is not at the frequency {text_of(freq)}: correct it, or pass another --freq", ds)
    return part.set_index("ds").reindex(grid).assign(unique_id=part["unique_id"].iloc[0], ds=grid)


if __name__ == "__main__":
    sys.exit(main())
