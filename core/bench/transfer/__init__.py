"""Transfer: every method with settings by rule, on data as if no preset had been made for them, against spectral clustering."""

from core.bench.transfer.clusters import bench_clusters, hits
from core.bench.transfer.measure import METHODS, bench_transfer, summary
from core.bench.transfer.regret import bench_regret, regrets
from core.bench.transfer.sets import SETS, SMALL

__all__ = ["METHODS", "SETS", "SMALL", "bench_clusters", "bench_regret", "bench_transfer", "hits", "regrets", "summary"]
