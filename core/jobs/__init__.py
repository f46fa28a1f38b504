"""Background work: the queue, its worker processes, and the analyst that answers questions.

Uses `core.explore`, `core.runs` and every room below.
"""

from core.jobs.analyst import Analyst, serve_analyst
from core.jobs.batch import checked_scheduler, checked_workers, see_through
from core.jobs.capacity import Capacity
from core.jobs.place import Place
from core.jobs.queue import TICK_SECONDS, JobQueue
from core.jobs.worker import serve_standby, work

__all__ = [
    "TICK_SECONDS",
    "Analyst",
    "Capacity",
    "JobQueue",
    "Place",
    "checked_scheduler",
    "checked_workers",
    "see_through",
    "serve_analyst",
    "serve_standby",
    "work",
]
