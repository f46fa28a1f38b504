"""The questions that views ask of finished runs, and their kept answers.

Uses `core.runs` and every room below.
"""

from core.explore.consensus import MOST_AGREEING, clusters_csv, consensus
from core.explore.depth import depth
from core.explore.differences import Paired, by_all_but_seed, differences, moved, over_seeds, paired, same_settings, settings_of
from core.explore.groups import clusters
from core.explore.matrices import CONSTANTS as READOUT_CONSTANTS
from core.explore.matrices import NEIGHBORS_SHOWN, joined, matrix, recluster, settled_params
from core.explore.overview import class_means, copies, neighbors_of, plane, value_counts
from core.explore.prepared import build_prepared
from core.explore.progress import Progress, Watch
from core.explore.questions import Answer, Question, answer, read_answer
from core.explore.readings import readings
from core.explore.report import run_report
from core.explore.scene import (
    NO_CLASS,
    class_groups,
    clusters_of,
    packed_blocks,
    packed_layout,
    run_scene,
    scene,
)
from core.explore.suggesting import suggest
from core.explore.tasks import (
    ANCHORS_SHOWN,
    MAX_POINTS,
    MAX_QUERIES,
    MAX_SQUARE,
    MOST_POINTS,
    REFERENCES,
    anchors,
    embedding,
    preview,
    random_rows,
    reference_runs,
    retrieval,
    still,
    strongest,
)
from core.explore.unlabelled import unlabelled

__all__ = [
    "ANCHORS_SHOWN",
    "MAX_POINTS",
    "MAX_QUERIES",
    "MAX_SQUARE",
    "MOST_AGREEING",
    "MOST_POINTS",
    "NEIGHBORS_SHOWN",
    "NO_CLASS",
    "READOUT_CONSTANTS",
    "REFERENCES",
    "Answer",
    "Paired",
    "Progress",
    "Question",
    "Watch",
    "anchors",
    "answer",
    "build_prepared",
    "by_all_but_seed",
    "class_groups",
    "class_means",
    "clusters",
    "clusters_csv",
    "clusters_of",
    "consensus",
    "copies",
    "depth",
    "differences",
    "embedding",
    "joined",
    "matrix",
    "moved",
    "neighbors_of",
    "over_seeds",
    "packed_blocks",
    "packed_layout",
    "paired",
    "plane",
    "preview",
    "random_rows",
    "read_answer",
    "readings",
    "recluster",
    "reference_runs",
    "retrieval",
    "run_report",
    "run_scene",
    "same_settings",
    "scene",
    "settings_of",
    "settled_params",
    "still",
    "strongest",
    "suggest",
    "unlabelled",
    "value_counts",
]
