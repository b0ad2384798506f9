"""Which regions are changes: by a rate of false alarms that decoys bear out, or by none."""

from imagery.decision._ask import Ask, parse_ask
from imagery.decision._audit import Likeness, audit
from imagery.decision._decide import Decision, check_within_reach, decide
from imagery.decision._decoys import TILE_SIDE, Decoys, Kind, count_seen, cut_tiles, join
from imagery.decision._ground import Ground, Reach, fit_reach
from imagery.decision._ranks import rank_bounds
from imagery.empirical_null import Null, a_contrario, fit_null

__all__ = [
    "TILE_SIDE",
    "Ask",
    "Decision",
    "Decoys",
    "Ground",
    "Kind",
    "Likeness",
    "Null",
    "Reach",
    "a_contrario",
    "audit",
    "check_within_reach",
    "count_seen",
    "cut_tiles",
    "decide",
    "fit_null",
    "fit_reach",
    "join",
    "parse_ask",
    "rank_bounds",
]
