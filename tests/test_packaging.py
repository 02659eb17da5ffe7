"""What is released: versions and dependencies agree wherever they are written, and all that is public can be found."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from rlcompleter import Completer

import pytest

import fastrnn
from fastrnn.wording import LEAST, to_install

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "fastrnn"
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = SETTINGS["project"]
RELEASE = re.compile(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)$", re.M)


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


# ------------------------------------------------------------------------------------------ versions


def test_the_last_release_is_the_same_everywhere():
    version, date = RELEASE.search(text("CHANGELOG.md")).groups()
    citation, recipe = text("CITATION.cff"), text("packaging/recipe.yaml")
    assert SETTINGS["tool"]["setuptools_scm"]["fallback_version"] == version
    assert re.search(r"^version: (.*)$", citation, re.M)[1] == version
    assert re.search(r"^date-released: (.*)$", citation, re.M)[1] == date
    assert re.search(r'^  version: "(.*)"$', recipe, re.M)[1] == version


def test_releases_are_in_order():
    found = [tuple(map(int, version.split("."))) for version, _ in RELEASE.findall(text("CHANGELOG.md"))]
    assert found and found == sorted(set(found), reverse=True)


def test_the_recipe_asks_for_what_the_project_does():
    requirements = text("packaging/recipe.yaml").split("requirements:", 1)[1].split("tests:", 1)[0]
    host, run = (re.findall(r"^    - (.+)$", part, re.M) for part in requirements.split("  run:\n"))
    low, high = re.fullmatch(r">=([\d.]+),<([\d.]+)", PROJECT["requires-python"]).groups()
    assert run[0] == f"python >=${{{{ python_min }}}},<{high}" and f'python_min: "{low}"' in text(
        "packaging/recipe.yaml"
    )
    assert [line.replace(" ", "") for line in run[1:]] == PROJECT["dependencies"]
    assert [line.replace(" ", "") for line in host[2:]] == SETTINGS["build-system"]["requires"]


def test_the_recipe_is_what_its_builder_reads():
    """Which refuses unknown keys, names that have no value, and requirements that are none."""
    builder = pytest.importorskip("rattler_build", reason="CI reads the recipe where it makes the files of a release")
    (variant,) = builder.Stage0Recipe.from_file(ROOT / "packaging" / "recipe.yaml").render()
    recipe = variant.recipe.to_dict()
    version = RELEASE.search(text("CHANGELOG.md"))[1]
    assert recipe["source"] == [{"path": f"../dist/{PROJECT['name']}-{version}.tar.gz"}]
    assert recipe["build"]["python"]["entry_points"] == [" = ".join(pair) for pair in PROJECT["scripts"].items()]
    assert recipe["about"]["license"] == PROJECT["license"] and recipe["about"]["summary"]
    assert recipe["about"]["license_file"] == PROJECT["license-files"]
    imports, commands = recipe["tests"]
    assert {*imports["python"]["imports"]} <= {"fastrnn", *(f"fastrnn.{name}" for name in fastrnn._SUBMODULES)}
    assert [shlex.split(command)[0] for command in commands["script"]] == [*PROJECT["scripts"], "python"]


def test_each_python_has_a_classifier():
    low, high = (int(part) for part in re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PROJECT["requires-python"]).groups())
    named = [re.fullmatch(r"Programming Language :: Python :: 3\.(\d+)", line) for line in PROJECT["classifiers"]]
    assert [int(found[1]) for found in named if found] == list(range(low, high))


@pytest.mark.parametrize("package", LEAST)
def test_advice_to_install_goes_by_the_project(package):
    wanted = to_install(package).split('"')[1]
    assert any(wanted in lines for lines in PROJECT["optional-dependencies"].values())


def test_no_message_advises_an_extra():
    """Which pip would look for on an index, whatever the checkout is."""
    for path in PACKAGE.rglob("*.py"):
        assert "pip install fastrnn" not in path.read_text(encoding="utf-8").replace('"', ""), path


# ------------------------------------------------------------------------------------------ README


def test_the_readme_needs_no_file_beside_it():
    """An index of packages shows it alone."""
    targets = re.findall(r"\]\(([^)]*)\)|(?:src|href)=[\"']([^\"']*)", text("README.md"))
    for target in map("".join, targets):
        assert target.startswith(("https://", "#")), target


def test_the_bars_of_the_readme_are_those_of_its_table():
    pytest.importorskip("matplotlib")
    from benchmarks.peers.plot import CELLS, as_text

    rows = []
    for section, cells in re.findall(r"^\| (inference|training pass.*?) \|(.*)\|$", text("README.md"), re.M):
        for cell, figures in zip(CELLS.values(), cells.split("|"), strict=True):
            if figures.strip():
                rows.append((section, cell, *map(float, figures.split(","))))
    assert f"```text\n{as_text(rows)}\n```" in text("README.md")


# ------------------------------------------------------------------------------------------ names


def test_what_is_public_is_listed_and_completed():
    listed = dir(fastrnn)
    assert {*fastrnn.__all__, *fastrnn._SUBMODULES, "__version__"} == set(listed)
    names = {"fastrnn": fastrnn}
    assert Completer(names).attr_matches("fastrnn.SequenceCl") == ["fastrnn.SequenceClassifier("]
    assert Completer(names).attr_matches("fastrnn.on") == ["fastrnn.online"]


@pytest.mark.parametrize("name", fastrnn._SUBMODULES)
def test_a_submodule_needs_no_import_of_its_own(name):
    code = f"import sys, fastrnn; assert 'fastrnn.{name}' not in sys.modules; print(fastrnn.{name}.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"fastrnn.{name}\n"


@pytest.mark.parametrize("name", ["", *fastrnn._SUBMODULES])
def test_what_is_public_has_types(name):
    module = getattr(fastrnn, name) if name else fastrnn
    source = Path(module.__file__)
    assert (PACKAGE / "py.typed").is_file()
    stub = source.with_suffix(".pyi").read_text(encoding="utf-8")
    for public in getattr(module, "__all__", ()):
        assert re.search(rf"\b{public}\b", stub), public


def test_the_package_has_its_stubs():
    files = SETTINGS["tool"]["setuptools"]["package-data"]["*"]
    assert files == ["py.typed", "*.pyi"]


# ------------------------------------------------------------------------------------------ reports


def test_show_versions_tells_what_a_report_needs(capsys):
    fastrnn.show_versions()
    facts = dict(re.split(r": ", line.strip(), maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert facts["executable"] == sys.executable and facts["Python"].startswith(sys.version.split()[0])
    assert re.fullmatch(r"\S+, vectors of (128|256|512) bits", facts["CPU"])
    assert re.fullmatch(r"\d+, of the layer (omp|tbb|workqueue)", facts["threads"])
    assert Path(facts["kernels"]).is_dir()
    assert facts["fastrnn"] == fastrnn.__version__
    for name in ("numba", "numpy", "scipy", "scikit-learn", "safetensors"):
        assert facts[name] == sys.modules[name.replace("scikit-learn", "sklearn")].__version__


def test_a_checkout_that_is_not_installed_works():
    code = (
        "import importlib.metadata as metadata; metadata.distributions = lambda **which: []\n"
        "import fastrnn; fastrnn.show_versions(); print(fastrnn.__version__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("\nunknown\n")
