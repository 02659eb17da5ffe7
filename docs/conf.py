"""How the site is built: ``python -m sphinx -W docs docs/_build``."""

import os
import sys
from importlib.metadata import version as installed
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))
os.environ.setdefault("MPLBACKEND", "Agg")  # pictures go into pages, and no windows open

project = "fastrnn"
author = "The fastrnn developers"
copyright = f"2026, {author}"
release = installed("fastrnn")
version = release.partition("+")[0]  # without the commit, which nobody reads

extensions = [
    "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.mathjax", "sphinx.ext.viewcode", "numpydoc",
    "sphinx_copybutton", "sphinx_design", "sphinx_gallery.gen_gallery",
]  # fmt: skip
extensions += sorted(
    path.stem for path in (HERE / "_ext").glob("*.py") if "\ndef setup(app):" in path.read_text("utf-8")
)
templates_path = ["_templates"]
exclude_patterns = ["_build", "Thumbs.db", ".DS_Store"]
language = "en_GB"
root_doc = "index"

# Every :class:, :func:, :meth: and :mod: must resolve.  Single backticks, which docstrings use for parameters and
# values too, become links where there is something of that name, and are plain code elsewhere.
nitpicky = True
default_role = "py:obj"
nitpick_ignore_regex = [(r"py:obj", r".*")]

autosummary_generate = True
autodoc_typehints = "none"
add_module_names = False
toc_object_entries_show_parents = "hide"
smartquotes = False  # "gru" in a description is what is typed
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
numpydoc_use_plots = False

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",  # every example is executed, not only those named plot_
    # An example that needs what is not here is left out.
    "ignore_pattern": r"__init__\.py" if find_spec("distributed") else r"__init__\.py|_on_dask\.py",
    "within_subsection_order": "pages.ExampleOrder",
    "reset_argv": "pages.short_form",
    "image_scrapers": ("matplotlib",),
    "abort_on_example_error": False,
    "only_warn_on_example_error": False,
    "min_reported_time": 0,
    "default_thumb_file": str(HERE / "_static" / "thumbnail.svg"),
    "show_memory": False,
    "remove_config_comments": True,
    "download_all_examples": False,
    "backreferences_dir": "gallery/backreferences",
    "doc_module": ("fastrnn",),
    "inspect_global_variables": False,
    "plot_gallery": "True",
    "nested_sections": False,
    "notebook_images": False,
    # A notebook has no command line: what its kernel was started with is not for the example.
    "first_notebook_cell": "%matplotlib inline\nimport sys\n\nsys.argv[1:] = []",
}

html_theme = "pydata_sphinx_theme"
html_favicon = "_static/thumbnail.svg"
html_title = f"fastrnn {version}"
html_static_path = ["_static"]
html_css_files = sorted(path.name for path in (HERE / "_static").glob("*.css"))
html_js_files = ["site.js"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "fastrnn"},
    "navbar_align": "left",
    "header_links_before_dropdown": 8,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc", "sg_download_links"],
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "back_to_top_button": False,
}
html_sidebars = {"index": [], "start": [], "choosing": [], "faq": [], "speed": [], "changelog": []}
