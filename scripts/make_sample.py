"""Write the simulated pair of the demo: two images, their STAC items and the truth.

python scripts/make_sample.py --out sample --seed 20240613
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from imagery.errors import TwopassError
from imagery.simulate import parade_ground


def main(arguments: list[str] | None = None) -> int:
    """Parse the arguments, write the pair and list its files."""
    parser = argparse.ArgumentParser(description="Write a simulated pair of a parade ground.")
    parser.add_argument("--out", type=Path, default=Path("sample"), help="folder (default: sample)")
    parser.add_argument("--seed", type=int, default=20240613, help="seed of all chance")
    parser.add_argument("--size", type=int, default=1600, help="rows and columns (at least 400)")
    given = parser.parse_args(arguments)
    try:
        pair = parade_ground(given.out, seed=given.seed, size=given.size)
    except TwopassError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    for path in (pair.before, pair.after, pair.truth, pair.planted):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
