"""Where the time of ``twopass detect`` goes, step by step, as a program.

    python _steps.py BEFORE AFTER CASE RESULT.json WORKERS STARTED

The same call that the command makes, with its defaults.  Steps of ``imagery`` are those that it
tells of while it works; those of ``aoi``, which come after, are its functions, timed from outside.
STARTED is the time, ``time.time()``, at which the program was started: up to the first step, it is
the interpreter and what is imported.
"""

import json
import resource
import sys
import time
from functools import wraps
from pathlib import Path

PRODUCTS = {
    "polygonize": "polygons",
    "describe": "describe",
    "write_gpkg": "write outlines",
    "write_geojson": "write outlines",
    "case_record": "record",
    "write_record": "record",
    "_draw": "maps and report",
    "write_manifest": "manifest",
}
"""Functions of ``aoi.workflow`` and ``aoi.changes``, and the step that each belongs to."""


class Clock:
    """Seconds, processor seconds and peak memory of steps, each until the next begins."""

    def __init__(self, started):
        self.rows = {}
        self.step, self.since, self.used = "start-up", started, 0.0

    def begin(self, step):
        if step == self.step:
            return
        now, used = time.time(), sum(spent(who) for who in WHO)
        row = self.rows.setdefault(self.step, {"seconds": 0.0, "cpu_seconds": 0.0, "peak_mib": 0.0})
        row["seconds"] += now - self.since
        row["cpu_seconds"] += used - self.used
        kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        row["peak_mib"] = kib / (1024 * 1024 if sys.platform == "darwin" else 1024)
        self.step, self.since, self.used = step, now, used

    def timed(self, function, step):
        @wraps(function)
        def call(*args, **kwargs):
            self.begin(step)
            try:
                return function(*args, **kwargs)
            finally:
                self.begin("between products")

        return call


WHO = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def spent(who):
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def main():
    before, after, case, result = (Path(word) for word in sys.argv[1:5])
    workers, started = int(sys.argv[5]), float(sys.argv[6])
    clock = Clock(started)

    from aoi import changes, workflow
    from imagery.options import EngineOptions

    for name, step in PRODUCTS.items():
        home = workflow if hasattr(workflow, name) else changes
        setattr(home, name, clock.timed(getattr(home, name), step))
    workflow.detect_case(
        before,
        after,
        out=case,
        engine_options=EngineOptions(workers=workers),
        progress=lambda told: clock.begin(told.step),
    )
    clock.begin("end")
    result.write_text(json.dumps(clock.rows))


if __name__ == "__main__":
    main()
