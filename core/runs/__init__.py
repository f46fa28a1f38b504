"""Runs: what to run, the store of records, the one way to train, what is seen and kept of it.

Uses every room below.
"""

from core.runs.arithmetic import ARITHMETICS
from core.runs.branching import branch, branching_points, changeable
from core.runs.costs import pace
from core.runs.estimates import estimate
from core.runs.execution import MAX_SEED, MAX_SNAPSHOTS, check, execute, facts_of, make_spec, prepare, resolve_device
from core.runs.export import export_run, export_runs
from core.runs.frames import frame_files
from core.runs.handle import RunHandle
from core.runs.leftovers import sweep
from core.runs.looks import View, concluded
from core.runs.machine import announce_machine, gpu_seen
from core.runs.memory import forget_peak
from core.runs.moments import Moment
from core.runs.networks import STARTS, Pretrained, PretrainedStore, RunShelf
from core.runs.numbers import numbered_labels
from core.runs.outcome import summarize
from core.runs.owner import Owner, process, this_process
from core.runs.painter import SHOWN_POINTS, Painter, framed, n_groups, quantized, shown_samples
from core.runs.predict import fitted, label_new, to_csv
from core.runs.prepared import Prepared, bring, film_of_prepared, prepared_run, prepared_runs
from core.runs.processes import claim_for_this_process, has_worker, settle_lost
from core.runs.reproduce import as_command, as_script
from core.runs.shared import named_by
from core.runs.spec import ACTIVE, AWAY, LOOKS, OVER, SWEPT, HistoryRow, Run, RunSpec, Status
from core.runs.store import RunStore
from core.runs.threads import available_cores, thread_variables, threads_of_a_run, training_threads

__all__ = [
    "ACTIVE",
    "ARITHMETICS",
    "AWAY",
    "LOOKS",
    "MAX_SEED",
    "MAX_SNAPSHOTS",
    "OVER",
    "SHOWN_POINTS",
    "STARTS",
    "SWEPT",
    "HistoryRow",
    "Moment",
    "Owner",
    "Painter",
    "Prepared",
    "Pretrained",
    "PretrainedStore",
    "Run",
    "RunHandle",
    "RunShelf",
    "RunSpec",
    "RunStore",
    "Status",
    "View",
    "announce_machine",
    "as_command",
    "as_script",
    "available_cores",
    "branch",
    "branching_points",
    "bring",
    "changeable",
    "check",
    "claim_for_this_process",
    "concluded",
    "estimate",
    "execute",
    "export_run",
    "export_runs",
    "facts_of",
    "film_of_prepared",
    "fitted",
    "forget_peak",
    "frame_files",
    "framed",
    "gpu_seen",
    "has_worker",
    "label_new",
    "make_spec",
    "n_groups",
    "named_by",
    "numbered_labels",
    "pace",
    "prepare",
    "prepared_run",
    "prepared_runs",
    "process",
    "quantized",
    "resolve_device",
    "settle_lost",
    "shown_samples",
    "summarize",
    "sweep",
    "this_process",
    "thread_variables",
    "threads_of_a_run",
    "to_csv",
    "training_threads",
]
