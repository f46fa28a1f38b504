"""Benchmarks: speed as ratios within one process, and how cost grows with the number of samples."""
