"""The command line: ``python -m fastrnn forecast data.csv --time ds --target y --horizon 24``, or ``warmup``."""

import os
import sys
import warnings
from contextlib import suppress

AS_OPTIONS = {
    " (or, for holidays, give its index a freq as pandas.offsets.CustomBusinessDay(holidays=...))": "",
    "correct or resample it, or pass the values alone": "correct it, or leave out --time, for rows in order",
    "set missing='interpolate'": "pass --missing interpolate",
    "give its index a freq": "pass --freq, such as D or MS"}  # fmt: skip
"""What the library's errors advise, for somebody at a command line."""
INTERRUPTION = "training was interrupted"
"""How the library's warning begins, after which a fit has a model of half the epochs."""
INTERRUPTED, NO_READER = 128 + 2, 128 + 13
"""Exit codes of what a signal ends, as shells have them: SIGINT and SIGPIPE."""


def main(argv=None):
    """Run a command.

    Parameters
    ----------
    argv : list of str, optional
        By default the arguments of the process.

    Returns
    -------
    int
        Its exit code: 2, after one line that tells why, for what the person who typed it can put right; 130 if they
        interrupted it, and 141 if nobody reads on what it prints.
    """
    try:
        code = _run(argv)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes once more as it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NO_READER


def _run(argv):
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # names that a terminal cannot show end no forecast
    # Here, so that an interrupt is quiet from the first.
    from fastrnn.command.options import arguments, check_outputs

    args = arguments(argv)
    told = str

    def show(message, *_):
        if str(message).startswith(INTERRUPTION):
            raise KeyboardInterrupt
        _say("warning:", told(str(message)))

    try:
        with warnings.catch_warnings():
            warnings.showwarning = show
            warnings.filterwarnings("always", INTERRUPTION)
            if args.command == "warmup":
                from fastrnn.command.warmup import warm_up

                warm_up(args)
            elif args.command == "forecast":
                check_outputs(args)
                from fastrnn.command.reading import read

                contents = read(args)
                told = contents.told
                from fastrnn.command.forecast import check_picture, forecast

                if args.plot is not None:
                    check_picture(args.plot)
                forecast(contents, args)
    except BrokenPipeError:
        raise
    except (ValueError, ArithmeticError, ImportError, OSError) as error:
        _say("error:", f"{error.filename}: {error.strerror}" if getattr(error, "filename", "") else told(str(error)))
        return 2
    return 0


def _say(kind, text):
    """A line on the standard error stream, if anything can be written there."""
    for old, new in AS_OPTIONS.items():
        text = text.replace(old, new)
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            print(kind, *text.split(), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
