"""The page of changes, made of CHANGELOG.md, of which it reads the few forms that a changelog has."""

import re
from pathlib import Path

CHANGELOG = Path(__file__).parent.parent.parent / "CHANGELOG.md"
HERE = ".. CHANGELOG.md\n"
"""What stands in the page where the text goes."""
RULES = {2: "-", 3: "^", 4: '"'}


def inline(text):
    """Code and links of Markdown, a line of it, as reStructuredText."""
    parts = re.split(r"(`+[^`]+`+)", text)
    for k, part in enumerate(parts):
        if k % 2:  # code that touches a letter, as in `x`s, would be none
            before, after = ("\\ " * bool(re.match(r"\w", side)) for side in (parts[k - 1][-1:], parts[k + 1]))
            parts[k] = f"{before}``{part.strip('`')}``{after}"
        else:
            part = re.sub(r"(?<!\*)\*(?!\*)|\||_(?=\W|$)", r"\\\g<0>", part)
            parts[k] = re.sub(r"\[([^\]]+)\]\((\S+?)\)", r"`\1 <\2>`__", part)
    return "".join(parts)


def as_rst(markdown):
    """The text of a changelog below its title."""
    lines = []
    for line in markdown.splitlines():
        heading = re.match(r"(#+) (.*)", line)
        if heading and len(heading[1]) == 1 or re.match(r"\[[^\]]+\]: \S+$", line):
            continue
        if heading:
            title = re.sub(r"\[([^\]]+)\](?!\()", r"\1", heading[2])
            lines += ["", title, RULES[len(heading[1])] * len(inline(title)), ""]
        elif bullet := re.match(r"( *)[-*] (.*)", line):
            if lines and lines[-1] and not re.match(rf"{bullet[1]}( |[-*])", lines[-1]):
                lines.append("")
            lines.append(f"{bullet[1]}- {bullet[2]}")
        else:
            lines.append(line)
    # Paragraphs and entries as wholes, as code may go over the end of a line.
    return re.sub(r"`[^`]+`", lambda m: re.sub(r"\s+", " ", m[0]), "\n".join(lines))


def fill(app, docname, source):
    """Sphinx reads the page."""
    if docname == "changelog":
        app.env.note_dependency(str(CHANGELOG))
        text = as_rst(CHANGELOG.read_text("utf-8"))
        source[0] = source[0].replace(HERE, "\n".join(map(inline, text.splitlines())))


def setup(app):
    app.connect("source-read", fill)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
