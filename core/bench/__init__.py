"""Benchmarks: speed as ratios within one process, what the parts of an objective add, how results depend on one thing.

Holds one module a benchmark, imported by the command that runs it, plain ports of the published programs, and the format of
kept results. Uses `core.runs`, `core.methods` and the rooms below.
"""

from core.bench.results import CHOSEN, Results, Row, Score, load_results, results_files, save_results

__all__ = ["CHOSEN", "Results", "Row", "Score", "load_results", "results_files", "save_results"]
