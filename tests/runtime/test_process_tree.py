"""The supervisor, in a process of its own, with small children: it restarts, gives up, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(60)

# Each child is a line of Python; it begins by telling its process id.
SUPERVISOR = """
import asyncio, json, sys
from assistant.runtime import process_tree
from assistant.runtime.console import Console
from assistant.runtime.process_tree import Child, ProcessTree

process_tree.GRACE_S = 1.0
children = json.loads(sys.argv[1])
argv = {name: [sys.executable, "-c", "import os; print('pid', os.getpid(), flush=True)\\n" + code]
        for name, code in children.items()}
ready = {name: (lambda path=name.partition("@")[2]: __import__("os").path.exists(path)) if "@" in name else None
         for name in children}
tree = ProcessTree([Child(name.partition("@")[0], argv[name], ready[name]) for name in children],
                   Console(["parley", *children], sys.stdout))
sys.exit(asyncio.run(tree.run()))
"""
FOREVER = "import time\nwhile True: time.sleep(1)"
DEAF = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf', flush=True)\n" + FOREVER


class Supervisor:
    def __init__(self, **children: str) -> None:
        self.lines: list[str] = []
        self._unmatched: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, json.dumps(children)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def until(self, pattern: str) -> re.Match[str]:
        """The first line not yet returned that matches; fails when the supervisor ends before."""
        assert self.process.stdout
        for line in self._unmatched:
            if found := re.search(pattern, line):
                self._unmatched.remove(line)
                return found
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if found := re.search(pattern, self.lines[-1]):
                return found
            self._unmatched.append(self.lines[-1])
        raise AssertionError(f"no line matches {pattern!r} in:\n" + "\n".join(self.lines))

    def pid_of(self, child: str) -> int:
        return int(self.until(rf"^{child} +\| pid (\d+)")[1])

    def end(self) -> int:
        assert self.process.stdout
        self.lines += self.process.stdout.read().splitlines()
        return self.process.wait(20)


@pytest.fixture
def supervise() -> Iterator[Callable[..., Supervisor]]:
    started: list[Supervisor] = []

    def start(**children: str) -> Supervisor:
        started.append(Supervisor(**children))
        return started[-1]

    yield start
    for supervisor in started:
        supervisor.process.kill()
        supervisor.process.wait()
        assert supervisor.process.stdout
        supervisor.process.stdout.close()


def gone(pid: int, within_s: float = 5) -> bool:
    """Whether the process ends in time; one that only waits for init to collect it has ended."""
    give_up_at = time.monotonic() + within_s
    while time.monotonic() < give_up_at:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_lines_carry_the_name_of_who_said_them(supervise: Callable[..., Supervisor]) -> None:
    tree = supervise(
        one="print('hello')\n" + FOREVER, longer_name="print('x' * 70000 + '\\nsaid', flush=True)\n" + FOREVER
    )
    tree.until(r"^one         \| hello$")
    tree.until(r"^longer_name \| said$")
    assert sum(line.count("x") for line in tree.lines if line.startswith("longer_name | x")) == 70000


def test_a_killed_child_is_started_again(supervise: Callable[..., Supervisor]) -> None:
    tree = supervise(worker=FOREVER)
    first = tree.pid_of("worker")
    os.kill(first, signal.SIGKILL)
    tree.until(r"parley .*worker was ended by SIGKILL after .* starting it again in 0\.2 s")
    second = tree.pid_of("worker")
    assert second != first
    os.kill(second, signal.SIGKILL)
    tree.until(r"starting it again in 0\.4 s")


def test_a_child_that_cannot_start_stops_the_whole_and_its_reason_is_repeated(
    supervise: Callable[..., Supervisor],
) -> None:
    tree = supervise(web=FOREVER, worker="import sys; sys.exit('the reason')")
    web = tree.pid_of("web")
    assert tree.end() == 1
    said = "\n".join(tree.lines)
    assert said.count("starting it again") == 2
    assert "worker cannot start: it ended with status 1. What it said last:" in said
    assert "    the reason" in tree.lines
    assert gone(web)


def test_a_child_with_a_bad_configuration_is_not_tried_again(supervise: Callable[..., Supervisor]) -> None:
    tree = supervise(web=FOREVER, worker="import sys; print('MODEL is not a folder'); sys.exit(78)")
    assert tree.end() == 1
    assert not any("starting it again" in line for line in tree.lines)
    assert tree.lines[-1] == "    MODEL is not a folder"


def test_a_program_that_does_not_exist_stops_the_whole(supervise: Callable[..., Supervisor], tmp_path: Path) -> None:
    code = SUPERVISOR.replace("sys.executable, ", f"{str(tmp_path / 'missing')!r}, ")
    ended = subprocess.run([sys.executable, "-c", code, '{"web": ""}'], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "missing cannot be run: No such file or directory." in ended.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_everything(supervise: Callable[..., Supervisor], number: signal.Signals) -> None:
    tree = supervise(web=FOREVER, worker=FOREVER)
    pids = [tree.pid_of("web"), tree.pid_of("worker")]
    tree.process.send_signal(number)
    assert tree.end() == 0
    assert all(gone(pid, within_s=0.5) for pid in pids)


def test_others_start_after_a_foundation_is_ready_and_end_before_it(
    supervise: Callable[..., Supervisor], tmp_path: Path
) -> None:
    sign = tmp_path / "ready"
    say_goodbye = (
        "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: (print('bye', flush=True), sys.exit()))\n"
    )
    base = f"import time; time.sleep(0.3); print('ready', flush=True); open({str(sign)!r}, 'w')\n"
    tree = supervise(**{f"base@{sign}": say_goodbye + base + FOREVER, "web": say_goodbye + FOREVER})
    tree.pid_of("base")
    tree.until(r"base .* ready")
    tree.pid_of("web")
    time.sleep(0.1)  # until web's handler is in place
    tree.process.send_signal(signal.SIGTERM)
    tree.end()
    assert [line.split()[0] for line in tree.lines if line.endswith("bye")] == ["web", "base"]


def test_a_second_signal_ends_children_that_do_not_listen(supervise: Callable[..., Supervisor]) -> None:
    tree = supervise(web=DEAF)
    pid = tree.pid_of("web")
    tree.until("deaf")
    tree.process.send_signal(signal.SIGINT)
    tree.until("Stopping")
    tree.process.send_signal(signal.SIGINT)
    assert tree.end() == 0
    assert not any("did not stop within" in line for line in tree.lines)
    assert gone(pid)


def test_a_child_that_ignores_the_order_to_stop_is_ended(supervise: Callable[..., Supervisor]) -> None:
    tree = supervise(web=DEAF)
    tree.until("deaf")
    tree.process.send_signal(signal.SIGTERM)
    assert tree.end() == 0
    assert any("did not stop within" in line for line in tree.lines)


def test_what_a_child_started_ends_with_the_child(supervise: Callable[..., Supervisor]) -> None:
    spawn = "import subprocess, sys\nprint('grandchild', subprocess.Popen([sys.executable, '-c', 'input()'], "
    tree = supervise(web=spawn + "stdin=subprocess.PIPE).pid, flush=True)\n" + DEAF)
    web = tree.pid_of("web")
    grandchild = int(tree.until(r"grandchild (\d+)")[1])
    os.kill(web, signal.SIGKILL)
    assert gone(grandchild)


def test_nothing_is_left_when_the_supervisor_itself_is_killed(supervise: Callable[..., Supervisor]) -> None:
    tree = supervise(web=FOREVER, worker=FOREVER)
    pids = [tree.pid_of("web"), tree.pid_of("worker")]
    tree.process.kill()
    assert all(gone(pid) for pid in pids)


def test_ctrl_c_in_the_terminal_reaches_the_children_through_the_supervisor_alone(
    supervise: Callable[..., Supervisor],
) -> None:
    tree = supervise(web=FOREVER)
    pid = tree.pid_of("web")
    assert os.getpgid(pid) != os.getpgid(tree.process.pid)
    assert os.getsid(pid) != os.getsid(tree.process.pid)
