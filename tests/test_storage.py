"""Trees in files: back with every type, whole or not at all; and the rules for what they must be."""

import json
import os
import stat

import numpy as np
import pytest
from mutations import put_together, taken_apart
from samples import assert_same_bits

import fastrnn
from fastrnn import StorageError, storage

TREE = {
    "plain": [None, True, 3, 10**30, 0.1, -0.0, 1e-320, "é\ud800", ""],
    "empty": [{}, []],
    "keys": {1: "one", 2.5: None, False: 0, "a": [1]},
    "dollars": {"$array": "plain"},
    "numbers": np.arange(6, dtype=np.float32).reshape(2, 3),
    "others": [np.array([], np.int8), np.array([True, False]), np.array([2**63], np.uint64), np.float16([1, np.nan])],
    "text": np.array(["b", "ä", "longer"]),
    "objects": np.array(["a", "bc"], object),
    "not finite": [np.inf, -np.inf],
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tree.safetensors"


def written(path, tree=None):
    storage.write(path, TREE if tree is None else tree)
    with storage.reading(path) as again:
        return again


def assert_same(a, b):
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b) and [*map(type, a)] == [*map(type, b)]
        a, b = list(a.values()), list(b.values())
    if isinstance(a, list):
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    elif isinstance(a, np.ndarray) and a.dtype != object:
        assert_same_bits(a, b)
    elif isinstance(a, np.ndarray):
        assert_same(a.tolist(), b.tolist())
    else:
        assert repr(a) == repr(b)


def test_a_tree_comes_back_with_every_type(path):
    assert_same(TREE, written(path))


def test_what_numpy_makes_of_values_comes_back_as_pythons(path):
    tree = [np.float32(0.1), np.int64(3), np.str_("a"), np.bool_(True), (1, 2)]
    assert_same([float(np.float32(0.1)), 3, "a", True, (1, 2)], written(path, tree))
    assert_same([1, [2], (("a", 3), "b"), {("c", 4): 0.5}], written(path, (1, [2], (("a", 3), "b"), {("c", 4): 0.5})))
    swapped = {"order": np.arange(3).astype(">i4"), "strided": np.arange(6)[::2], "text": np.array(["a"], ">U1")}
    for name, value in written(path, swapped).items():
        assert value.dtype.isnative and np.array_equal(value, swapped[name])


@pytest.mark.parametrize("value", [len, 1j, b"bytes", {1}, np.zeros(2, complex), np.array([1, "a", len], object)])
def test_what_no_file_can_hold(path, value):
    with pytest.raises(StorageError, match="model.thing.* is .* no file can hold: set another"):
        storage.write(path, {"model": {"thing": value}})
    assert os.listdir(path.parent) == []


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(path, monkeypatch):
    storage.write(path, [1])

    def full(*_):
        raise OSError("disk full")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, full)
            with pytest.raises(OSError, match="disk full"):
                storage.write(path, [2])
    with storage.reading(path) as tree:
        assert tree == [1]
    assert os.listdir(path.parent) == [path.name]


def test_a_folder_that_is_not_there_is_said_of_the_path_that_was_given(tmp_path):
    path = str(tmp_path / "nowhere" / "model")
    with pytest.raises(FileNotFoundError) as told:
        storage.write(path, {})
    assert told.value.filename == path


def test_paths_of_any_form(path):
    for form in (path, str(path), os.fsencode(path)):
        storage.write(form, [1])
        with storage.reading(form) as tree:
            assert tree == [1]
    assert os.listdir(path.parent) == [path.name]


def test_a_link_stays_a_link(path):
    link = path.with_name("link")
    link.symlink_to(path)
    storage.write(link, [1])
    assert link.is_symlink() and path.is_file()


# ------------------------------------------------------------------------------------- bad files


def test_files_that_are_none(path):
    with pytest.raises(FileNotFoundError), storage.reading(path):
        pass
    for data in (b"", b"no model at all", put_together({}, {}, "{"), put_together({}, {})):
        path.write_bytes(data)
        with pytest.raises(StorageError, match="cannot read .*tree.safetensors: it is no model that fastrnn has saved"):
            with storage.reading(path):
                pass


def test_a_file_of_another_library(path):
    from safetensors.numpy import save_file

    save_file({"weight": np.zeros(3)}, path)
    with pytest.raises(StorageError, match="no model that fastrnn has saved"), storage.reading(path):
        pass


def changed(path, change):
    """The file of TREE with other fields or tensors."""
    storage.write(path, TREE)
    fields, tensors = taken_apart(path.read_bytes())
    change(fields, tensors)
    path.write_bytes(put_together(fields, tensors))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda f, t: f.update(format=2, version="9.1"), "fastrnn 9.1 wrote format 2; .* reads 1: update the older"),
        (lambda f, t: f.update(format="x" * 99), "wrote format x{20};"),
        (lambda f, t: t.update(more=["U8", [1], b"a"]), "its tensors .'more'. belong to nothing"),
        (lambda f, t: t.pop("numbers"), "damaged: 'numbers'"),
        (lambda f, t: f["content"].update(again={"$array": "numbers"}), "damaged: 'numbers'"),
        (lambda f, t: t.update(text=["U32", [1, 1], b"\0\0\x11\0"]), "no characters"),
        (lambda f, t: t.update({"others.1": ["BOOL", [2], b"\1\2"]}), "neither 0 nor 1"),
        (lambda f, t: t.update(numbers=["BF16", [2, 3], b"a" * 12]), "damaged|it holds bfloat16 numbers"),
        (lambda f, t: f["content"]["keys"].update({"$keys": [[]] * 4}), "unhashable"),
    ],
)
def test_one_error_says_what_is_wrong(path, change, match):
    changed(path, change)
    with pytest.raises(StorageError, match=f"cannot read .*tree.safetensors: .*{match}"), storage.reading(path):
        pass


def test_json_that_is_too_deep(path):
    deep = json.dumps({"format": 1, "content": 0}).replace("0", "[" * 900 + "]" * 900)
    for text, match in (("[" * 100_000, "damaged"), (deep, "too deep")):
        path.write_bytes(put_together({}, {}, text))
        with pytest.raises(StorageError, match=match), storage.reading(path):
            pass


def test_what_goes_wrong_while_a_tree_is_used_is_the_files_fault(path):
    storage.write(path, [1])
    with pytest.raises(StorageError, match="tree.safetensors: .*too small"), storage.reading(path):
        raise KeyError("too small")


# ------------------------------------------------------------------------------------- rules

ARRAY = np.arange(3.0)


@pytest.mark.parametrize(
    ("rule", "right", "wrong"),
    [
        (int, 3, "3"),
        ("a", "a", "b"),
        (1, 1, True),
        (1, 1, 1.0),
        (None, None, 0),
        (storage.integer(1), 1, 0),
        (storage.integer(0), 0, False),
        (storage.integer(0, 5), 4, 5),
        (storage.floats, [0.5, np.nan], [1]),
        (storage.strings, ["a"], [1]),
        (storage.array("float64", 3), ARRAY, ARRAY[:2]),
        (storage.array("float64", 3), ARRAY, ARRAY.astype("f")),
        (storage.array("float64", 3), ARRAY, ARRAY + np.inf),
        (storage.array("float64", 3), ARRAY, [0.0, 1.0, 2.0]),
        (storage.labels(3), ARRAY, ARRAY[::-1]),
        (storage.labels(2), np.array(["a", "b"], object), np.array(["a", 1], object)),
        (storage.labels(2), np.array(["a", "b"]), np.array(["b", "b"])),
        (storage.labels(2), np.array([False, True]), np.array([0, np.nan])),
        (storage.labels(2), np.array([1, 2]), [1, 2]),
        ({"a": int, "b": {"c": str}}, {"a": 1, "b": {"c": ""}}, {"a": 1, "b": {"c": 2}}),
        ({"a": int}, {"a": 1}, {"a": 1, "b": 2}),
        ({"a": int}, {"a": 1}, {}),
        ({}, {}, []),
    ],
)
def test_rules(rule, right, wrong):
    storage.check(right, rule, "field")
    with pytest.raises(StorageError, match="its field"):
        storage.check(wrong, rule, "field")


def test_a_file_descriptor_is_no_path():
    with pytest.raises(TypeError):
        fastrnn.load(True)
    print(end="")  # standard output is still open


# ------------------------------------------------------------------------------------- modes

posix = pytest.mark.skipif(os.name != "posix", reason="files have no modes on this system")


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@posix
@pytest.mark.parametrize("given", [0o600, 0o640, 0o664, 0o444, 0o755])
def test_a_file_keeps_its_mode(path, given):
    storage.write(path, [1])
    path.chmod(given)
    assert written(path, [2]) == [2] and mode(path) == given


@posix
@pytest.mark.parametrize(("mask", "expected"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_has_the_mode_of_any_new_file(path, mask, expected):
    before = os.umask(mask)
    try:
        storage.write(path, [1])
    finally:
        os.umask(before)
    assert mode(path) == expected


@posix
def test_an_unfinished_file_is_nobody_elses(path):
    with storage.replacing(path) as unfinished:
        assert mode(unfinished) == 0o600
    assert path.exists() and mode(path) == 0o666 & ~_umask()


def _umask():
    os.umask(mask := os.umask(0))
    return mask


@posix
def test_a_link_stays_one(path):
    path.symlink_to(path.with_name("target"))
    for k in range(2):
        assert written(path, [k]) == [k]
        assert path.is_symlink() and sorted(os.listdir(path.parent)) == ["target", path.name]
        path.with_name("target").chmod(0o640)
    assert mode(path) == 0o640


@posix
@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root may give files away")
def test_a_file_stays_whose_it_was(path):
    storage.write(path, [1])
    os.chown(path, 12345, 54321)
    path.chmod(0o660)
    storage.write(path, [2])
    assert (os.stat(path).st_uid, os.stat(path).st_gid, mode(path)) == (12345, 54321, 0o660)


@posix
def test_what_is_no_file_is_not_replaced(path):
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with storage.replacing(path) as name, open(name, "wb") as file:
            file.write(b"through")
        assert os.read(reader, 99) == b"through" and stat.S_ISFIFO(os.stat(path).st_mode)
    finally:
        os.close(reader)
    assert os.listdir(path.parent) == [path.name]


def test_a_system_without_modes(path, monkeypatch):
    def refuse(*_):
        raise PermissionError

    for name in ("chmod", "chown"):
        monkeypatch.setattr(os, name, refuse, raising=False)
    assert written(path, [1]) == [1] and written(path, [2]) == [2]
