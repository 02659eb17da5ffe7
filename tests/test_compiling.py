"""Compiled code on disk: whatever becomes of its files, functions answer right and one warning names the folder."""

import errno
import gc
import importlib.util
import logging
import os
import shutil
import threading
import warnings

import numba
import numpy as np
import pytest
from numba import config
from numba.core.caching import IndexDataCacheFile, NullCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_lock import global_compiler_lock
from samples import run_script

from fastrnn.kernels import compiling
from fastrnn.kernels.caching import njit

SOURCE = """
from fastrnn.kernels.caching import njit

def make(constant):
    @njit(nogil=True)
    def inner(x):
        return x + 1
    return inner

inner = make(0)

@njit(nogil=True)
def outer(x):
    return 2 * inner(x)
"""


@pytest.fixture
def process(tmp_path, monkeypatch):
    """A function that calls `outer` as a new process would; it returns the warnings, and whether any was compiled."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(config, "CACHE_DIR", str(folder))
    (tmp_path / "doubled.py").write_text(SOURCE)
    compiled = []
    monkeypatch.setattr(compiling, "on_compiling", [lambda: compiled.append(1), lambda: call.at_compiling()])

    def call(x=3, before=lambda: None):
        monkeypatch.setattr(compiling, "_has_warned", False)
        compiled.clear()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            spec = importlib.util.spec_from_file_location("doubled", tmp_path / "doubled.py")
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            call.module = module
            assert module.outer.dispatcher  # which opens the cache
            before()
            assert module.outer(x) == 2 * (x + 1)
        return [str(w.message) for w in caught], len(compiled)

    call.folder, call.at_compiling = folder, lambda: None
    return call


def files(process, ending):
    found = sorted(process.folder.rglob(f"*{ending}"))
    assert found
    return found


def test_what_is_kept_is_not_compiled_again(process):
    assert process() == ([], 1)
    assert process() == ([], 0)
    assert process(2.5) == ([], 1)  # for other arguments it is
    assert process() == process(2.5) == ([], 0)


def test_a_kernel_is_kept_where_python_calls_it(process):
    """What calls it has its code in it."""
    process()
    assert [file.name.split("-")[0] for file in files(process, ".nbi")] == ["doubled.outer"]
    assert process(before=lambda: process.module.inner(1)) == ([], 1)
    assert [file.name.split("-")[0] for file in files(process, ".nbi")] == [
        "doubled.make.locals.inner",
        "doubled.outer",
    ]
    assert process(before=lambda: process.module.inner(1)) == ([], 0)


@njit()
def checked(x):
    if x < 0:
        raise ValueError("below zero")
    return np.arange(x).sum()


@njit()
def checked_twice(x):
    return checked(x) + checked(x + 1)


@numba.njit
def of_numba(x):
    return checked_twice(x) + checked(x)


@numba.njit(parallel=True)
def of_numba_at_once(x):
    total = 0
    for k in numba.prange(x, x + 1):
        total += of_numba(k)
    return total


@pytest.mark.parametrize("function", [checked, checked_twice, of_numba, of_numba_at_once])
def test_whoever_calls_a_kernel(function):
    """Python, a kernel, or functions of Numba's own: the same answers and the same errors."""
    assert function(5) == {checked: 10, checked_twice: 25}.get(function, 35)
    if function is not of_numba_at_once:  # where a thread's error is Numba's affair
        with pytest.raises(ValueError, match="below zero"):
            function(-1)


def test_functions_of_numba_are_compiled_as_ever():
    of_numba(1)
    assert {type(result.library) for result in of_numba.overloads.values()} == {JITCodeLibrary}


def test_who_compiles_waits_for_no_thread_that_waits_for_it():
    one, other = (njit(nogil=True)(function) for function in (lambda x: x, lambda x: -x))
    is_done = threading.Event()

    def compile_one():
        waiting = threading.Thread(target=lambda: other.dispatcher, daemon=True)
        with global_compiler_lock:
            waiting.start()
            waiting.join(0.2)
            assert waiting.is_alive() and one.dispatcher
        is_done.set()

    threading.Thread(target=compile_one, daemon=True).start()
    assert is_done.wait(30)


DAMAGES = {
    "empty": lambda data: b"",
    "cut short": lambda data: data[: len(data) // 2],
    "last byte lost": lambda data: data[:-1],
    "garbage": lambda data: b"garbage",
    "zeros": lambda data: bytes(len(data)),
    "a bit turned at the end": lambda data: data[:-20] + bytes([data[-20] ^ 1]) + data[-19:],
    "a bit turned in the middle": lambda data: data[:600] + bytes([data[600] ^ 4]) + data[601:],
}


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files(process, ending, damage):
    process()
    for file in files(process, ending):
        file.write_bytes(DAMAGES[damage](file.read_bytes()))
    messages, n_compiled = process()
    assert n_compiled > 0 or ending == ".nbi"  # an index may be changed where nothing is lost
    assert len(messages) <= 1 and all(str(process.folder) in message for message in messages)
    assert messages or ending == ".nbi" and damage.startswith("a bit")
    assert process() == ([], 0)  # they have been written again


def test_machine_code_with_any_bit_turned_is_never_run(process):
    process()
    (file,) = (file for file in files(process, ".nbc") if "outer" in file.name)
    data = file.read_bytes()
    for place in range(200, len(data), len(data) // 8):
        file.write_bytes(data[:place] + bytes([data[place] ^ 16]) + data[place + 1 :])
        messages, n_compiled = process()
        assert len(messages) == n_compiled == 1
        assert process() == ([], 0)


def test_an_index_that_names_other_files(process):
    """Code of another function, or for other arguments, is not what was asked for, though it is whole."""
    process(3), process(2.5)
    whole = [file.read_bytes() for file in files(process, ".nbc")]
    for file, data in zip(files(process, ".nbc"), reversed(whole), strict=True):
        file.write_bytes(data)
    messages, n_compiled = process()
    assert len(messages) == 1 and "damaged" in messages[0] and n_compiled == 1


def test_folders_where_files_should_be(process):
    process()
    for file in [*files(process, ".nbi"), *files(process, ".nbc")]:
        file.unlink()
        file.mkdir()
    for _ in range(2):
        messages, n_compiled = process()
        assert len(messages) == 1 and str(process.folder) in messages[0] and n_compiled == 1


def test_files_of_another_version_of_numba_or_of_the_kernels(process, monkeypatch):
    process()
    for file in files(process, ".nbi"):
        version = numba.__version__.encode()
        file.write_bytes(file.read_bytes().replace(version, b"9" * len(version)))
    assert process() == ([], 1)
    monkeypatch.setattr(compiling, "sources", lambda function: b"others")
    assert process() == ([], 1)
    assert process() == ([], 0)


def test_files_that_are_gone(process):
    process()
    for file in files(process, ".nbc"):
        file.unlink()
    assert process() == ([], 1)
    shutil.rmtree(process.folder)
    assert process(before=lambda: shutil.rmtree(process.folder)) == ([], 1)
    assert process() == ([], 0)


def test_a_folder_that_becomes_a_file_later(process):
    def replace():
        shutil.rmtree(process.folder)
        process.folder.touch()

    messages, n_compiled = process(before=replace)
    assert len(messages) == 1 and str(process.folder) in messages[0] and "NUMBA_CACHE_DIR" in messages[0]
    assert n_compiled == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_a_disk_that_is_full_or_read_only(process, monkeypatch, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(IndexDataCacheFile, "_open_for_write", refuse)
        messages, n_compiled = process()
        assert len(messages) == 1 and str(process.folder) in messages[0] and os.strerror(number) in messages[0]
        assert "make room" in messages[0] and n_compiled == 1
    assert process() == ([], 1)
    with monkeypatch.context() as patch:
        patch.setattr(IndexDataCacheFile, "_open_for_write", refuse)
        assert process() == ([], 0)  # what is there is read


def test_no_folder_at_all(process, monkeypatch):
    monkeypatch.setattr(compiling.Cache._impl_class, "_locator_classes", [])
    messages, n_compiled = process()
    assert len(messages) == 1 and "no writable folder" in messages[0] and "NUMBA_CACHE_DIR" in messages[0]
    assert n_compiled == 0 and isinstance(compiling._cache_of(process), NullCache)


@pytest.mark.parametrize("is_collecting", [True, False])
def test_no_garbage_is_collected_while_a_kernel_is_compiled(process, is_collecting):
    states = []
    process.at_compiling = lambda: states.append(gc.isenabled())
    try:
        if not is_collecting:
            gc.disable()
        assert process() == ([], 1)
        assert states == [False] and gc.isenabled() is is_collecting
    finally:
        gc.enable()


def test_the_first_compilation_is_logged_once(process, caplog):
    compiling._announce.cache_clear()
    with caplog.at_level(logging.INFO, "fastrnn"):
        process(), process(2.5)
    assert [record.name for record in caplog.records] == ["fastrnn"]
    assert "compiling kernels" in caplog.text and "seconds" in caplog.text


SWITCHED_OFF = """
try:
    import fastrnn
except ImportError as error:
    print(error)
"""


def test_numba_switched_off_is_one_clear_error():
    assert "NUMBA_DISABLE_JIT" in (said := run_script(SWITCHED_OFF, NUMBA_DISABLE_JIT="1")) and "unset it" in said


def test_what_runs_is_kept_as_of_the_sources_that_were_imported():
    """Not of those that an upgrade has written since, for which the next process would take it."""
    script = """
from pathlib import Path
from fastrnn import kernels, optimizers
from fastrnn.kernels import compiling, vectors
Path.read_bytes = lambda file: b"upgraded"
functions = [vectors.clamp.py_func, optimizers.measure.py_func]
known = [compiling.Cache(function)._impl.sources for function in functions]
kernels._sources.cache_clear(), kernels._kernels.cache_clear()
print([digest == kernels.sources(function) for digest, function in zip(known, functions)], len({*known}))
"""
    assert run_script(script) == "[False, False] 2\n"


def test_an_interrupt_while_numba_is_imported_leaves_a_whole_one():
    script = """
import signal, sys
from fastrnn import SequenceClassifier

class Interrupts:
    def find_spec(self, name, *_):
        if name == "numba.core.types.abstract":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
X, y = [[0.0, 1.0], [1.0]] * 20, [0, 1] * 20
try:
    SequenceClassifier(max_iter=1).fit(X, y)
except KeyboardInterrupt:
    print("interrupted")
print(SequenceClassifier(max_iter=1).fit(X, y).n_iter_)
"""
    assert run_script(script) == "interrupted\n1\n"
