"""Run a command; tell its wall time, processor time and peak memory.  Standard library alone.

    python -I _watch.py RESULT.json COMMAND...

A process of its own, so that the memory of whoever asks isn't counted: a child starts with its
parent's peak.  Memory is the larger of the largest process's peak resident set and, where there are
several and /proc tells it, the sum over them of what is theirs, polled (shared pages divided by
their users).
Processor time is that of all threads, of the process and of those that it waited for, to its end.
A program that goes on after its work may write the time, ``time.time()``, at which it was done, and
its peak in KiB, into the file that TWOPASS_BENCHMARK_DONE names.
"""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path


def main():
    result, command = Path(sys.argv[1]), sys.argv[2:]
    done = result.with_suffix(".done")
    start = time.time()
    child = subprocess.Popen(command, env={**os.environ, "TWOPASS_BENCHMARK_DONE": str(done)})
    polled = [0]
    thread = threading.Thread(target=poll, args=(child.pid, polled, done), daemon=True)
    thread.start()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.time() - start
    peak = usage.ru_maxrss // (1024 if sys.platform == "darwin" else 1)
    if done.exists():
        moment, largest = json.loads(done.read_text())
        seconds, peak = moment - start, largest
        done.unlink()
    peak = max(peak, polled[0])
    status = os.waitstatus_to_exitcode(status)
    figures = {
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mib": peak / 1024,
        "status": status,
    }
    result.write_text(json.dumps(figures))


def poll(pid, polled, done):
    while not done.exists():
        processes = tree(pid)
        # One alone is known by its peak; to ask costs it a twentieth of a processor.
        if len(processes) > 1:
            polled[0] = max(polled[0], sum(own_memory(p) for p in processes))
        time.sleep(0.1)


def tree(pid):
    """A process and what it started, by threads of either."""
    found = [pid]
    for process in found:
        try:
            for task in Path(f"/proc/{process}/task").iterdir():
                found += [int(word) for word in (task / "children").read_text().split()]
        except OSError:
            continue
    return found


def own_memory(pid):
    """KiB, shared pages divided by their users; 0 where the system doesn't tell."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    except (OSError, IndexError, ValueError):
        return 0


if __name__ == "__main__":
    main()
