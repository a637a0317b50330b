import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import worker_tasks
from hikma.domain import SourceFile
from hikma.errors import WorkerError
from hikma.sources.worker_process import import_path
from hikma.sources.workers import run

MEMORY = 700 * 1024**2


def file(content, path="a"):
    return SourceFile(path, "", content.encode() if isinstance(content, str) else content)


def failed(file, reason):
    return f"failed: {reason}"


def outcomes(words, **options):
    options = {"workers": 2, "timeout_s": 5.0, "memory_bytes": MEMORY} | options
    return list(run(worker_tasks.act, map(file, words), on_failure=failed, **options))


def children():
    """Ids of our child processes, zombies included; each thread lists those that it started."""
    listed = Path("/proc/self/task").glob("*/children")
    return {child for each in listed for child in each.read_text().split()}


def gone(process):
    """Wait until a process no longer runs."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{process}/stat").read_text().split()[2] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def test_results_come_in_the_order_of_the_files():
    files = [file(os.urandom(size % 70_000), str(size)) for size in range(0, 9_000_000, 30_011)]
    expected = [(each.path, each.content) for each in files]
    assert list(run(worker_tasks.echo, files, workers=3, on_failure=failed)) == expected


def test_nothing_to_do_starts_nothing():
    before = children()
    assert outcomes([]) == []
    assert children() == before


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("exit", "worker exited with status 3"),
        ("kill", "worker killed by SIGKILL"),
        ("abort", "worker killed by SIGABRT"),
        ("bomb", "memory limit exceeded"),
        ("raise", "ValueError: invalid literal for int() with base 10: 'no number'"),
        ("leave", "SystemExit: 0"),
        ("close", "worker exited with status 1"),
    ],
)
def test_a_file_that_breaks_its_worker_fails_alone(word, reason):
    before = children()
    assert outcomes(["a", word, "b"]) == ["A", f"failed: {reason}", "B"]
    assert children() == before


@pytest.mark.parametrize("word", ["spin", "stop"])
def test_a_file_that_never_ends_fails_alone(word):
    start = time.monotonic()
    assert outcomes(["a", word, "b"], timeout_s=0.5) == [
        "A", "failed: time limit of 0.5 s exceeded", "B",
    ]  # fmt: skip
    assert time.monotonic() - start < 10


def test_a_file_that_waits_for_others_on_a_busy_machine_is_read():
    """The clock has gone on; of the processor's time it took next to nothing."""
    assert outcomes(["wait 1.5"], timeout_s=0.5) == ["WAIT"]
    assert outcomes(["wait 9"], timeout_s=0.5) == ["failed: time limit of 0.5 s exceeded"]


def test_a_result_that_cannot_travel_fails_alone():
    got = outcomes(["a", "lambda", "b"])
    assert (got[0], got[2]) == ("A", "B")
    assert "pickle" in got[1]


def test_what_a_task_prints_does_no_harm():
    assert outcomes(["print", "a"]) == ["PRINT", "A"]


def test_memory_left_by_earlier_files_does_not_fail_later_ones():
    """A file that fails in a used worker is tried again in a fresh one."""
    hoarders = [f"hoard {200 * 1024**2}"] * 4
    assert outcomes(hoarders, workers=1) == ["HOARD"] * 4


def test_many_failures_in_a_row_stop_nothing():
    words = ["kill", "a"] * 3
    assert outcomes(words) == ["failed: worker killed by SIGKILL", "A"] * 3


def test_a_consumer_that_stops_early_leaves_no_process():
    before = children()
    results = run(worker_tasks.act, map(file, ["a"] * 10_000), workers=2, on_failure=failed)
    assert next(results) == "A"
    assert children() > before
    results.close()
    assert children() == before


def test_an_exception_in_the_consumers_files_or_failures_passes_through():
    before = children()

    def broken():
        yield from map(file, ["a"] * 1000)
        raise KeyboardInterrupt

    def refuse(file, reason):
        raise LookupError(reason)

    with pytest.raises(KeyboardInterrupt):
        list(run(worker_tasks.act, broken(), workers=2, on_failure=failed))
    with pytest.raises(LookupError, match="status 3"):
        list(run(worker_tasks.act, [file("exit")], workers=2, on_failure=refuse))
    assert children() == before


def test_files_are_read_only_a_little_ahead():
    """Memory stays flat: what is read before the first result does not grow with the input."""
    read = []

    def files():
        for number in range(2_000):
            read.append(number)
            yield file(b"x" * 50_000)

    results = run(worker_tasks.echo, files(), workers=2, on_failure=failed)
    next(results)
    assert len(read) < 100
    results.close()


def test_workers_are_as_many_as_asked_and_reused():
    files = [file(b"x" * 100_000) for _ in range(200)]
    ids = set(run(worker_tasks.process_id, files, workers=2, on_failure=failed))
    assert 1 <= len(ids) <= 2
    assert os.getpid() not in ids


def test_a_task_that_workers_cannot_import_is_refused():
    with pytest.raises(WorkerError, match="cannot be imported"):
        list(run(lambda file: file, [file("a")], workers=1, on_failure=failed))


def test_a_worker_that_cannot_start_is_an_error_not_a_failed_file(monkeypatch):
    before = children()
    monkeypatch.setattr(worker_tasks.act, "__module__", "hikma.not_there")
    with pytest.raises(WorkerError, match=r"did not start: ModuleNotFoundError.*not_there"):
        outcomes(["a"])
    assert children() == before


def test_the_working_folder_is_never_imported_from(tmp_path, monkeypatch):
    """A hostile repository's modules stay unused even where the parent would import them."""
    for name in ("pickle", "numpy", "sitecustomize", "hikma"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "pickle.py"))
    monkeypatch.setattr(sys, "path", ["", ".", str(tmp_path), *sys.path])
    (seen,) = outcomes(["path"])
    assert str(tmp_path) not in seen
    assert not {"", "."} & set(seen)
    assert not (tmp_path / "sprung").exists()
    assert import_path([])[0].endswith("src") or "site-packages" in import_path([])[0]


def test_secrets_of_the_environment_stay_with_the_parent(monkeypatch):
    monkeypatch.setenv("HIKMA_CHAT_API_KEY", "secret")
    (seen,) = outcomes(["environment"])
    assert "HIKMA_CHAT_API_KEY" not in seen


@pytest.mark.parametrize(
    ("sign", "word", "timeout_s"),
    [(signal.SIGKILL, "mark", 60), (signal.SIGINT, "mark", 60), (signal.SIGKILL, "hold", 1)],
)
def test_a_dead_parent_leaves_no_worker_behind(tmp_path, sign, word, timeout_s):
    """Killed or interrupted in the middle of a task: the worker ends too, if need be by its timer."""
    program = textwrap.dedent(f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import worker_tasks
        from hikma.domain import SourceFile
        from hikma.sources.workers import run
        files = [SourceFile("a", "", b"{word} {tmp_path / "mark"}")]
        list(run(worker_tasks.act, files, workers=1, timeout_s={timeout_s}, on_failure=print))
    """)
    with subprocess.Popen(
        [sys.executable, "-c", program], stderr=subprocess.PIPE, start_new_session=True
    ) as parent:
        mark = tmp_path / "mark"
        deadline = time.monotonic() + 20
        while not (mark.exists() and mark.read_text()) and time.monotonic() < deadline:
            time.sleep(0.02)
        worker = mark.read_text()
        parent.send_signal(sign)
        parent.wait(20)
        parent.stderr.read()
        assert gone(worker)
