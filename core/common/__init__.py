"""What every room may use: errors, declared hyperparameters, where files live, atomic writes, pipes to the app.

Uses nothing of the house.
"""

from core.common.errors import (
    AffinityLabError,
    ClusterError,
    ClusterLost,
    DataError,
    DeviceError,
    Diverged,
    InvalidInput,
    NotFitted,
    ParameterError,
    ReadOnlyError,
    RunConflict,
    RunTaken,
    StorageError,
    UnknownName,
    named,
)
from core.common.files import atomic_write, stored_file, temporary_neighbour, written_by_the_dead
from core.common.home import data_folders, home
from core.common.lifeline import Lifeline, lines
from core.common.packing import pack, unpacked
from core.common.params import Param, check_all, choice, flag, integer, params_of, real, redeclared, sizes
from core.common.parts import Held, Part, flatten, held, idle_in
from core.common.readonly import READ_ONLY, demand_writable, read_only

__all__ = [
    "READ_ONLY",
    "AffinityLabError",
    "ClusterError",
    "ClusterLost",
    "DataError",
    "DeviceError",
    "Diverged",
    "Held",
    "InvalidInput",
    "Lifeline",
    "NotFitted",
    "Param",
    "ParameterError",
    "Part",
    "ReadOnlyError",
    "RunConflict",
    "RunTaken",
    "StorageError",
    "UnknownName",
    "atomic_write",
    "check_all",
    "choice",
    "data_folders",
    "demand_writable",
    "flag",
    "flatten",
    "held",
    "home",
    "idle_in",
    "integer",
    "lines",
    "named",
    "pack",
    "params_of",
    "read_only",
    "real",
    "redeclared",
    "sizes",
    "stored_file",
    "temporary_neighbour",
    "unpacked",
    "written_by_the_dead",
]
