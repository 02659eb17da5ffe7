"""What can be typed at the command line."""

import argparse
import os
from contextlib import suppress
from pathlib import Path

from fastrnn import __version__

EXAMPLE = "Example: fastrnn forecast sales.csv --time day --target sold --horizon 28 --out next.csv --plot next.png"
WHAT = "Forecast the series in a CSV file; a backtest on its last rows, beside the simplest forecasts, comes first."
FORM = "All that is left out is found by itself, or asked for if it may be this or that."
WARM_UP = "Compile what models need now, into Numba's cache, and not when they are first used: for images."
KINDS = "classifier", "regressor", "tagger", "generator", "translator", "forecaster", "online"
ALL = "all"
CELLS = (
    "lstm", "gru", "gru_reset_before", "rnn", "mingru", "minlstm", "sru", "slstm", "lstm_peephole", "lstm_layer_norm",
    "gru_layer_norm",
)  # fmt: skip


def steps(text, least=1):
    """A number of steps."""
    if not text.isdecimal() or not least <= int(text) < 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} to {2**32 - 1}")
    return int(text)


def season(text):
    """Likewise, or what stands for one."""
    if text not in ("auto", "none") and not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of steps, such as 12, nor 'auto' or 'none'")
    return {"auto": "auto", "none": 1}.get(text) or steps(text)


def share(text):
    """Between 0 and 1."""
    with suppress(ValueError):
        if 0 < float(text) < 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no share between 0 and 1, such as 0.8")


def separator(text):
    """One character, or a name of those that are hard to type."""
    text = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}.get(text, text)
    if len(text) != 1 or text in '"\r\n':
        raise ValueError
    return text


def arguments(argv=None):
    """What was typed; without a command that is the help."""
    parser = argparse.ArgumentParser(prog="fastrnn", description="Recurrent networks on the CPU.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", metavar="command")
    _add_forecast(commands.add_parser("forecast", help=WHAT, description=WHAT, epilog=EXAMPLE))
    _add_warmup(commands.add_parser("warmup", help=WARM_UP, description=WARM_UP))
    args = parser.parse_args(argv)
    if args.command is None:
        parser.print_help()
    return args


def _add_warmup(command):
    add = command.add_argument
    add("kinds", metavar="KIND", nargs="*", choices=(ALL, *KINDS), default=ALL, help=f"{', '.join(KINDS)} or {ALL}")
    add("--cells", metavar="CELL", nargs="+", choices=CELLS, default=CELLS, help=f"of {', '.join(CELLS)}; all")
    add("--dtype", nargs="+", choices=["float32", "float64"], default=["float32"], help="by default float32")


def _add_forecast(command):
    add = command.add_argument
    add("data", help="CSV file with a row for each step of each series; - for standard input")
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
    add("--epochs", metavar="N", type=steps, default=20, help="passes over the data, by default 20")
    add("--seed", metavar="N", type=lambda text: steps(text, 0), default=0, help="of the random numbers, by default 0")
    add("--no-backtest", action="store_true", help="do not show how good forecasts have been")
    add("--out", metavar="FILE", help="CSV file, of the form of the first, for forecast and intervals")
    add("--plot", metavar="FILE", help="picture, such as forecast.png")
    add = command.add_argument_group("the form of the file", FORM).add_argument
    add("--sep", metavar="MARK", type=separator, help='what separates columns: "," ";" "|" or tab')
    add("--decimal", choices=[".", ","], help="decimal mark")
    add("--thousands", choices=[",", ".", " ", "'"], help="mark between thousands")
    add("--encoding", help="such as cp1252 or utf-16; without it UTF-8, unless the file says so itself")
    add("--date-format", metavar="FORMAT",
        help="such as %%d.%%m.%%Y; offsets from UTC (%%z) that change as clocks do somewhere go on changing, others "
        "stay as in the last row")  # fmt: skip


def check_outputs(args):
    """What cannot be written shall not be found out after the fit."""
    paths = [Path(path) for path in (args.out, args.plot) if path is not None]
    for path in paths:
        folder = path.resolve().parent
        if not (folder.is_dir() and os.access(folder, os.W_OK) and (path.is_file() or not path.exists())):
            raise ValueError(f"{path} cannot be written: name a file in a folder that is there and may be written to")
        if path.exists() and Path(args.data).exists() and path.samefile(args.data):
            raise ValueError(f"{path} is the file to read: name another to write")
        with suppress(OSError):  # there may be no output
            if os.path.samestat(path.stat(), os.fstat(1)):
                raise ValueError(f"{path} is where the output goes: name another file, or none, and it is printed")
    if len({path.resolve() for path in paths}) < len(paths):
        raise ValueError(f"{paths[0]} is named twice: name one file for --out and another for --plot")
