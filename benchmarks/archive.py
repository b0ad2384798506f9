"""How long a search of an archive of 100,000 scenes takes, and adding to it.

    python benchmarks/archive.py [--items 100000] [--rounds 5] [--readme]

Items are made up: in the shape of Earth Search's, 0.1 degrees wide, over the whole Earth and ten
years.  Seconds are medians; a search is also timed as a whole process, start included.  Memory is
the largest that the process of the adding had.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _tables import machine, markdown, publish, today

from aoi.finding.archive import put, search_archive
from aoi.finding.item import Item, read_items
from aoi.finding.query import Query, days_around
from aoi.places import load_area

ROOT = Path(__file__).resolve().parents[1]
AREA, BEFORE, AFTER = "10,10,13,13", "2019/2020", "2022-01-01/2022-06-01"


def scene(number: int, chance: random.Random) -> dict[str, Any]:
    west, south = chance.uniform(-179, 178), chance.uniform(-80, 80)
    east, north = west + 0.1, south + 0.1
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    day = time.strftime("%Y-%m-%d", time.gmtime(1420070400 + 86400 * chance.randrange(3650)))
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [],
        "id": f"scene-{number:06d}",
        "collection": "archive",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [west, south, east, north],
        "properties": {
            "datetime": f"{day}T02:21:19Z",
            "platform": "sentinel-2a",
            "eo:cloud_cover": chance.uniform(0, 100),
            "view:off_nadir": 5.0,
            "view:sun_elevation": 50.0,
            "view:sun_azimuth": 150.0,
            "gsd": 10.0,
        },
        "links": [],
        "assets": {"data": {"href": f"scenes/{number}.tif", "type": "image/tiff"}},
    }


def median(rounds: int, work: Callable[[], object]) -> float:
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--readme", action="store_true", help="put the table into the documents")
    options = parser.parse_args()
    chance = random.Random(1)
    items: list[Item] = []
    items += read_items(scene(n, chance) for n in range(options.items))[0]
    more = read_items(scene(n, chance) for n in range(options.items, options.items + 1000))[0]
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "archive.parquet"
        rows = [("adding all to an empty archive", median(1, lambda: put(archive, items)))]
        size = archive.stat().st_size / 1e6
        rows.append(("adding 1,000 to it", median(1, lambda: put(archive, more))))
        query = Query(area=load_area(AREA), days=days_around(BEFORE, days=3, option=""))
        found = len(search_archive(archive, query)[0])
        rows.append(
            (f"a search that finds {found}, inside a process",
             median(options.rounds, lambda: search_archive(archive, query)))
        )  # fmt: skip
        words = ["-m", "aoi", "archive", "search", "--aoi", AREA, "--before", BEFORE, "--after",
                 AFTER, "--max-cloud", "100", "--json"]  # fmt: skip
        place = {**os.environ, "TWOPASS_ARCHIVE": str(archive)}
        rows.append(
            ("`twopass archive search` for pairs, the whole process",
             median(options.rounds, lambda: subprocess.run(
                 [sys.executable, *words], env=place, check=True, capture_output=True, cwd=ROOT)))
        )  # fmt: skip
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    table = markdown(("what", "s"), [(name, f"{seconds:.2f}") for name, seconds in rows])
    text = (
        f"{options.items:,} scenes, {size:.0f} MB; {memory:.0f} MB of memory at most, the items "
        f"themselves included. {machine()}; {today()}.\n\n{table}"
    )
    print(text)
    if options.readme:
        publish(ROOT, "archive", text)


if __name__ == "__main__":
    main()
