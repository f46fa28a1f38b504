"""Background work: the queue, its worker processes, and the analyst that answers questions.

Uses `core.explore`, `core.runs` and every room below.
"""

from core.jobs.analyst import Analyst, serve_analyst
from core.jobs.queue import TICK_SECONDS, JobQueue

__all__ = ["TICK_SECONDS", "Analyst", "JobQueue", "serve_analyst"]
