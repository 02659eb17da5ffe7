"""Run notebooks of the gallery as a reader would, in their short form; the site must be built first.

``python docs/notebooks.py`` runs three of them, ``python docs/notebooks.py NAME ...`` those named.
"""

import argparse
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

GALLERY = Path(__file__).parent / "gallery"
CHOSEN = ["japanese_vowels", "forecast_air_passengers", "question_intent"]
WHOLE, SHORT = "sys.argv[1:] = []", 'sys.argv[1:] = ["--short"]'


def run(name, folder):
    """Execute all cells; an exception in one of them is raised here."""
    notebook = nbformat.read(GALLERY / f"{name}.ipynb", as_version=4)
    first = notebook.cells[0]
    if WHOLE not in first.source:
        raise SystemExit(f"{name}: its first cell does not set the arguments: see first_notebook_cell in docs/conf.py")
    first.source = first.source.replace(WHOLE, SHORT)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": folder}}).execute()
    outputs = sum(len(cell.get("outputs", ())) for cell in notebook.cells)
    if not outputs:
        raise SystemExit(f"{name}: no cell has an output")
    return len(notebook.cells), outputs


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=CHOSEN, help="of examples, without .py")
    for name in parser.parse_args().names:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            cells, outputs = run(name, folder)
        print(f"{name}.ipynb: {cells} cells, {outputs} outputs, {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
