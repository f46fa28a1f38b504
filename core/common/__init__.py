"""What every room may use: errors, declared hyperparameters, where files live, atomic writes.

Uses nothing of the house.
"""

from core.common.errors import (
    AffinityLabError,
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
)
from core.common.files import atomic_write, stored_file
from core.common.home import data_folders, home
from core.common.params import Param, check_all, choice, flag, integer, params_of, real, redeclared, sizes
from core.common.parts import Held, Part, flatten, held

__all__ = [
    "AffinityLabError",
    "DataError",
    "DeviceError",
    "Diverged",
    "Held",
    "InvalidInput",
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
    "flag",
    "flatten",
    "held",
    "home",
    "integer",
    "params_of",
    "real",
    "redeclared",
    "sizes",
    "stored_file",
]
