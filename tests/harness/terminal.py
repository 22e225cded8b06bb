"""Programs that want a terminal."""
import os
import pty
import select
import time


def run_in_terminal(test, command: list[str], environment: dict[str, str], seconds: float = 30) -> None:
    """Runs a program in a terminal of its own until it ends by itself, which it must do well."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(command[0], command, {**environment, "TERM": "xterm", "LINES": "40", "COLUMNS": "120"})
    screen = b""
    end = time.monotonic() + seconds
    status = None
    while status is None and time.monotonic() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                screen += os.read(terminal, 65536)
            except OSError:
                pass  # the terminal's other side is gone: the program has ended
        done, result = os.waitpid(pid, os.WNOHANG)
        if done:
            status = os.waitstatus_to_exitcode(result)
    os.close(terminal)
    if status is None:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    test.assertEqual(status, 0, screen.decode(errors="replace")[-3000:])
