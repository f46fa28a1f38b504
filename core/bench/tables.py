"""What the benchmarks measured, as tables of results that can be kept."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core import methods
from core.bench.results import Results

Measured = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a benchmark was asked to measure: the whole command, and those of its arguments that a reader must know."""

    command: str
    tasks: Sequence[str] = ()
    preset: str = "auto"
    seeds: Sequence[int] = (0,)

    def chosen(self, method: str, dataset: str) -> str:
        """How the constants of the preset were chosen."""
        preset = methods.preset_for(method, dataset, self.preset)[1]
        return preset.chosen if preset else "untuned"

    def score(self, row: Mapping[str, Any], name: str) -> dict[str, float | None]:
        """Mean and deviation of a score; one seed has none, nor has a training that diverged."""
        return {"mean": row[name], **({"std": row[f"{name}_std"]} if len(self.seeds) > 1 and row[name] is not None else {})}


def tabulate(what: str, rows: Measured, asked: Asked) -> Results:
    """The rows that the benchmark `what` returned, one of `TABLES`, as results."""
    shared = {"commands": [asked.command], "origin": "command", "device": _device("cpu"), "seeds": asked.seeds}
    return Results.from_dict({**shared, "chosen": "untuned", **TABLES[what](rows, asked)})


def _epoch(rows: Measured, _: Asked) -> dict[str, Any]:
    return {
        "title": "Speed: a training step against plain ports of the published programs",
        "protocol": "Median time of a full-batch step, ours and the port's taken in turns in one process on the same noise.",
        "seeds": [0],
        "rows": [
            {
                "of": {"task": row["task"]},
                "scores": {name: {"mean": row[name]} for name in ("ratio", "ours_ms", "port_ms")},
                "facts": {name: row[name] for name in ("n", "steps", "threads")},
            }
            for row in rows
        ],
    }


def _around(rows: Measured, _: Asked) -> dict[str, Any]:
    return {
        "title": "What a user waits for beside the training, against the old way",
        "protocol": "CPU seconds of old and new taken in turns in one process; ratios unless a row says seconds.",
        "seeds": [0],
        "rows": [
            {
                "of": {"piece": row["piece"], "what": row["what"]},
                "scores": {"value": {"mean": row["value"]}},
                "facts": {name: row[name] for name in ("at_most", "at_least", "held")},
            }
            for row in rows
        ],
    }


def _scaling(rows: Measured, _: Asked) -> dict[str, Any]:
    measured = [name for name in rows[0] if name != "n"]
    return {
        "title": "GR-DNN: its cost against the number of samples",
        "protocol": "Seconds to build the graph, and of an epoch; ratios are seconds per sample over those at the smallest n.",
        "seeds": [0],
        "figure": "scaling.svg",
        "rows": [{"of": {"n": row["n"]}, "scores": {name: {"mean": row[name]} for name in measured}} for row in rows],
    }


def _ablation(rows: Measured, asked: Asked) -> dict[str, Any]:
    return {
        "title": f"DSCDAN: its ablation on {', '.join(dict.fromkeys(row['dataset'] for row in rows))}",
        "protocol": (
            "Table 4 of the paper, final epoch. The paper does not say how the rows before the last are clustered: here by "
            "k-means on the codes, and by the cut of their 3-neighbour graph."
        ),
        "rows": [
            {
                "of": {name: row[name] for name in ("dataset", "row", "labels")},
                "scores": {"acc": {**asked.score(row, "acc"), "paper": row["paper"]}, "nmi_max": asked.score(row, "nmi")},
                "chosen": asked.chosen("dscdan", row["dataset"]),
            }
            for row in rows
        ],
    }


def _transfer(rows: Measured, asked: Asked) -> dict[str, Any]:
    from core.bench.transfer import summary

    return {
        "title": "Transfer: settings by rule on data as if no preset had been made for them",
        "protocol": (
            "Whole runs at the final epoch with the values that the rules of each method give for the number, kind, shape and "
            "variance of the samples and K. spectral is spectral clustering of the samples with its defaults; tuned the preset "
            "that is made for the data, where there is one. The last rows are means over the sets."
        ),
        "chosen": "with labels",
        "notes": ["The rules were found on these very sets, with their labels: read the table as optimistic for other data."],
        "rows": [_transferred(row, asked) for row in rows] + [_over_sets(told, rows, asked) for told in summary(rows)],
    }


def _transferred(row: Mapping[str, Any], asked: Asked) -> dict[str, Any]:
    facts = {name: round(row[name], 4) for name in ("spectral", "tuned", "seconds") if row[name] is not None}
    facts |= {"empty": row["empty"]} if row["empty"] else {}
    of = {"method": row["method"], "data": row["data"]}
    return {"of": of, "scores": {"acc": asked.score(_rounded(row), "acc")}, "facts": facts, "note": row["trouble"]}


def _rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] if row[name] is None else round(row[name], 4) for name in ("acc", "acc_std")}


def _over_sets(told: Mapping[str, Any], rows: Measured, asked: Asked) -> dict[str, Any]:
    """The mean over the sets that a method ended on, with the mean of their deviations."""
    own = [row for row in rows if row["method"] == told["method"] and row["acc"] is not None]
    means = {name: sum(row[name] for row in own) / len(own) if own else None for name in ("acc", "acc_std")}
    facts = {"to spectral": told["mean"], "to tuned": told["to_tuned"]}
    worst = {"worst": told["worst"], "worst to tuned": told["worst_to_tuned"]}
    return {
        "of": {"method": told["method"], "data": f"mean over {told['sets']} sets"},
        "scores": {"acc": asked.score(_rounded(means), "acc")},
        "facts": {
            **{name: round(value, 4) for name, value in facts.items() if value is not None},
            **{name: f"{value[1]:+.3f} on {value[0]}" for name, value in worst.items() if value is not None},
        },
    }


def _regret(rows: Measured, _: Asked) -> dict[str, Any]:
    from core.bench.transfer import regrets

    def line(row: Mapping[str, Any], data: str, **facts: float) -> dict[str, Any]:
        scores = {name: {"mean": round(row[name], 4)} for name in ("suggested", "fixed", "chance")}
        return {"of": {"constant": row["constant"], "data": data}, "scores": scores, "facts": facts}

    return {
        "title": "Regret: constants of the read-out chosen without labels",
        "protocol": (
            "One C of ridge for each set, its strength chosen without labels, read off by neighbours of cosines, for the "
            "smoothing as a doubly stochastic matrix. ACC below that of the best value that was tried: of the suggestion (the "
            "largest mean NMI with the clusters of the other values and of the neighbours of the samples), of the fixed value "
            "of the rules (of the smoothing its default), and of chance (the mean over the values)."
        ),
        "seeds": [0],
        "chosen": "with labels",
        "notes": ["What is tried, and the fixed values, were found on these very sets with their labels."],
        "rows": [line(row, row["data"]) for row in rows]
        + [line(told, f"mean over {told['sets']} sets", worst=round(told["worst"], 4)) for told in regrets(rows)],
    }


def _clusters(rows: Measured, _: Asked) -> dict[str, Any]:
    from core.bench.transfer import hits

    found = hits(rows)
    return {
        "title": "Number of clusters suggested without labels",
        "protocol": (
            "Relative eigengap of the graph of shared neighbours times the stability of its cut, on a draw of at most 1,000 "
            "samples; the three K of the largest products, against the number of classes."
        ),
        "seeds": [0],
        "notes": [
            f"The number of classes is the first on {found['first']} and among the three on {found['among']} of "
            f"{found['sets']} sets. More than 30 groups are never suggested."
        ],
        "rows": [
            {
                "of": {"data": row["data"], "classes": row["classes"]},
                "scores": {f"K, place {place}": {"mean": float(K)} for place, K in enumerate(row["suggested"], start=1)},
            }
            for row in rows
        ],
    }


def _machines(rows: Measured, _: Asked) -> dict[str, Any]:
    from core.bench.machines import moved

    return {
        "title": "Other machines: the same runs with other instructions and threads",
        "protocol": (
            "Whole runs with their automatic settings, ACC at the final epoch, mean and deviation over seeds. AVX2 and SSE: "
            "the libraries are told to use no later instructions, as an older processor would make them."
        ),
        "chosen": "with labels",
        "notes": [
            f"{told['task']}: another seed moves ACC by ± {told['over_seeds']:.3f}, another machine the same seed by ± "
            f"{told['over_machines']:.3f} (at most {told['widest']:.3f}), their mean by at most {told['of_means']:.3f}."
            for told in moved(rows)
        ],
        "rows": [
            {
                "of": {"task": row["task"], "machine": row["machine"]},
                "scores": {
                    "acc": {"mean": round(statistics.fmean(row["acc"]), 4), "std": round(statistics.pstdev(row["acc"]), 4)}
                },
                "facts": {"by seed": ", ".join(f"{value:.3f}" for value in row["acc"])},
            }
            for row in rows
        ],
    }


def _consensus(rows: Measured, asked: Asked) -> dict[str, Any]:
    from core.bench.consensus import MEMBERS

    def score(values: Sequence[float]) -> dict[str, float]:
        return {"mean": round(statistics.fmean(values), 4), "std": round(statistics.pstdev(values), 4)}

    return {
        "title": f"Consensus: what {MEMBERS} seeds agree on",
        "protocol": (
            f"Whole runs with their automatic settings, final epoch: acc alone over all seeds; agreed over groups of {MEMBERS} "
            "seeds, each one cut of the power mean of its affinities, without labels."
        ),
        "seeds": range(len(rows[0]["alone"])),
        "notes": ["The exponent of the mean was chosen with the labels of ORL and MNIST-1000."],
        "rows": [
            {
                "of": {name: row[name] for name in ("method", "data", "preset")},
                "scores": {"acc": score(row["alone"]), "agreed": score(row["agreed"])},
                "facts": {"by group": ", ".join(f"{value:.3f}" for value in row["agreed"])},
                "chosen": asked.chosen(row["method"], row["data"]),
            }
            for row in rows
        ],
    }


TABLES: Mapping[str, Callable[[Measured, Asked], dict[str, Any]]] = {
    "epoch": _epoch,
    "around": _around,
    "scaling": _scaling,
    "ablation": _ablation,
    "transfer": _transfer,
    "regret": _regret,
    "clusters": _clusters,
    "machines": _machines,
    "consensus": _consensus,
}


def _device(device: str) -> str:
    import torch

    if device == "cuda":
        return torch.cuda.get_device_name()
    threads = torch.get_num_threads()
    return f"{platform.machine()} CPU, {threads} thread{'s' if threads > 1 else ''}"
