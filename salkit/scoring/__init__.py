"""Offline scoring of anybody's maps, and what is done with scores: comparing, leaderboards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..utils.lazy import on_first_use

if TYPE_CHECKING:
    from .differences import Comparison
    from .leaderboard_building import leaderboard
    from .leaderboard_options import LeaderboardOptions
    from .leaderboard_report import Leaderboard
    from .options import ScoreOptions
    from .paired_comparison import compare
    from .run import Scoring, score, score_protocols

# Public name -> where it lives. Imported on first use: comparing scores needs nothing of what
# reads maps.
_HOMES = {
    'Comparison': 'differences',
    'Leaderboard': 'leaderboard_report',
    'LeaderboardOptions': 'leaderboard_options',
    'ScoreOptions': 'options',
    'Scoring': 'run',
    'compare': 'paired_comparison',
    'leaderboard': 'leaderboard_building',
    'score': 'run',
    'score_protocols': 'run',
}
__all__ = [
    'Comparison',
    'Leaderboard',
    'LeaderboardOptions',
    'ScoreOptions',
    'Scoring',
    'compare',
    'leaderboard',
    'score',
    'score_protocols',
]

__getattr__, __dir__ = on_first_use(__name__, _HOMES)
