"""Benchmarks: speed as ratios within one process, what the parts of an objective add, how results depend on one thing.

Holds one module a benchmark, imported by the command that runs it, and plain ports of the published programs.
Uses `core.runs`, `core.methods` and the rooms below.
"""

__all__: list[str] = []
