"""What the commands that fit tasks are asked for: the folder of the sets, and which of them."""

from __future__ import annotations

import argparse
from pathlib import Path


def parser(command):
    """Return the options that these commands share."""
    options = argparse.ArgumentParser(prog=f"python -m benchmarks.{command}")
    options.add_argument("--data", type=Path, required=True, help="folder with a subfolder for each set")
    options.add_argument("--only", type=lambda text: text.split(","), metavar="NAME,...")
    return options


def chosen(names, tasks):
    """Return the tasks of these names, all if None; a name stands for all that begin with it."""
    if names is None:
        return list(tasks)
    for name in names:
        if not any(task.name.startswith(name) for task in tasks):
            raise SystemExit(f"no task {name!r}; there are: {'; '.join(task.name for task in tasks)}")
    return [task for task in tasks if task.name.startswith(tuple(names))]
