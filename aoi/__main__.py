"""``python -m aoi`` is the command ``twopass``."""

import sys

from aoi.cli import main

if __name__ == "__main__":
    sys.exit(main())
