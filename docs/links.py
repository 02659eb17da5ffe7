"""Follow every link inside the built site: ``python docs/links.py docs/_build``.

Sphinx checks the roles that pages are written with.  This checks what came out: each file, picture and anchor that a
page names must be there, and each picture must have a text.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

OTHERS = "_static", "_modules"
"""Folders whose pages are the theme's and Sphinx's: one has no links of ours, the other's are followed from here."""


class Page(HTMLParser):
    """The links and anchors of a page, and its pictures without a text."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors, self.mute = set(), set(), []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.anchors.update(found[name] for name in ("id", "name") if found.get(name))
        self.links.update(found[name] for name in ("href", "src") if found.get(name))
        if tag == "img" and "alt" not in found:
            self.mute.append(f"a picture without a text: {found.get('src')}")


def faults(folder):
    """What is wrong, a line each."""
    files = [path for path in sorted(folder.rglob("*.html")) if path.relative_to(folder).parts[0] not in OTHERS]
    pages = {path.resolve(): Page(path) for path in files}
    for path, page in pages.items():
        for fault in page.mute:
            yield f"{path.relative_to(folder)}: {fault}"
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            anchor = unquote(parts.fragment)
            if not target.is_file():
                yield f"{path.relative_to(folder)}: no file for {link}"
            elif anchor and target in pages and anchor not in pages[target].anchors:
                yield f"{path.relative_to(folder)}: no anchor for {link}"


def main():
    folder = Path(sys.argv[1]).resolve()
    found = [*faults(folder)]
    print(*found, sep="\n", end="\n" * bool(found))
    print(f"{len(found)} faults in the links of {len([*folder.rglob('*.html')])} pages")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
