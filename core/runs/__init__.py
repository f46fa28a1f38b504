"""Runs: what to run, the store of records, the one way to train, what is seen and kept of it.

Uses every room below.
"""

from core.runs.estimates import estimate
from core.runs.execution import MAX_SEED, MAX_SNAPSHOTS, check, execute, make_spec, prepare, resolve_device
from core.runs.export import export_run
from core.runs.handle import RunHandle
from core.runs.leftovers import sweep
from core.runs.networks import STARTS, Pretrained, PretrainedStore, RunShelf
from core.runs.owner import Owner, process, this_process
from core.runs.predict import fitted, label_new, to_csv
from core.runs.processes import claim_for_this_process, has_worker, settle_lost
from core.runs.recorder import forget_peak
from core.runs.spec import ACTIVE, OVER, HistoryRow, Run, RunSpec, Status
from core.runs.store import RunStore
from core.runs.threads import available_cores, thread_variables, training_threads

__all__ = [
    "ACTIVE",
    "MAX_SEED",
    "MAX_SNAPSHOTS",
    "OVER",
    "STARTS",
    "HistoryRow",
    "Owner",
    "Pretrained",
    "PretrainedStore",
    "Run",
    "RunHandle",
    "RunShelf",
    "RunSpec",
    "RunStore",
    "Status",
    "available_cores",
    "check",
    "claim_for_this_process",
    "estimate",
    "execute",
    "export_run",
    "fitted",
    "forget_peak",
    "has_worker",
    "label_new",
    "make_spec",
    "prepare",
    "process",
    "resolve_device",
    "settle_lost",
    "sweep",
    "this_process",
    "thread_variables",
    "to_csv",
    "training_threads",
]
