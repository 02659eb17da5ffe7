"""What the displays share: matplotlib, which is optional and imported only where something is drawn, and its axes."""

import numpy as np

COLOURS = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000"
"""Told apart by the colour-blind too: Okabe and Ito, "Color universal design", 2008."""


def check_matplotlib(display):
    """Raise an ImportError that names the extra."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ImportError(f'{display} draws with matplotlib: pip install "fastrnn[plot]"') from None


def axes_for(display, ax=None, **options):
    """The axes given, or those of a new figure."""
    check_matplotlib(type(display).__name__)
    import matplotlib.pyplot as plt

    return plt.subplots(layout="constrained", **options)[1] if ax is None else ax


def name_steps(axis, labels=None, n=None, what="labels"):
    """Ticks of n steps: all of them, with names, or some with their numbers."""
    from matplotlib.ticker import MaxNLocator

    if labels is None:
        axis.set_major_locator(MaxNLocator(integer=True))
        return
    if len(labels) != n:
        raise ValueError(f"{what} has {len(labels)} names, but there are {n} steps: give a name for each")
    names = [str(label) for label in labels]
    is_crowded = axis.axis_name == "x" and n * max(map(len, names)) > 50
    axis.set_ticks(np.arange(n), names, rotation=90 * is_crowded)
