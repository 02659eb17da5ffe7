"""Who imports whom in a tree of modules, read from the sources: for tests of how the tree is built."""

import ast
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Tree:
    """The package of this name in a folder."""

    folder: Path
    name: str

    @property
    def files(self):
        """Its modules, sorted."""
        return sorted(self.folder.rglob("*.py"))

    def module_name(self, path):
        """Dotted path inside the package: 'kernels.lstm', 'datasets.__init__'."""
        return ".".join(path.relative_to(self.folder).with_suffix("").parts)

    def imported_names(self, path, top_only=False):
        """Absolute dotted names that a file imports, `from a import b` as 'a.b'; or only those without which it fails.

        Imports inside functions count as well.
        """
        package = (self.name, *path.relative_to(self.folder).parent.parts)
        tree = ast.parse(path.read_bytes())
        for node in tree.body if top_only else ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                above = package[: len(package) - node.level + 1] if node.level else ()
                origin = ".".join([*above, *filter(None, [node.module])])
                yield from (f"{origin}.{alias.name}" for alias in node.names)
            elif isinstance(node, ast.Call) and getattr(node.func, "id", None) == "Later" and not top_only:
                yield node.args[0].value

    def imported_modules(self, path):
        """Modules of the package that a file imports, as `module_name` writes them."""
        return [self.resolve(name) for name in self.imported_names(path) if name.split(".")[0] == self.name]

    def resolve(self, name):
        """The module that an imported name is, or that defines it."""
        parts = name.split(".")[1:]
        for depth in (len(parts), len(parts) - 1):
            place = self.folder.joinpath(*parts[: max(depth, 0)])
            for file in (place.with_suffix(".py"), place / "__init__.py"):
                if file.is_file():
                    return self.module_name(file)
        raise AssertionError(f"{name} is imported, but does not exist")


def unit_of(module, ranks):
    """The module itself, or the outermost folder that has a rank and holds it."""
    parts = module.split(".")
    units = [".".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
    ranked = [unit for unit in units if unit in ranks]
    assert ranked, f"{module} has no rank: give it one in RANKS"
    return ranked[0]


def check_ranks(tree, path, ranks):
    """Fail where a file imports what is not below it; `ranks` has the rank of each unit."""
    importer = unit_of(tree.module_name(path), ranks)
    for module in tree.imported_modules(path):
        imported = unit_of(module, ranks)
        assert imported == importer or ranks[imported] < ranks[importer], (
            f"{importer} (rank {ranks[importer]}) imports {imported} (rank {ranks[imported]})"
        )
