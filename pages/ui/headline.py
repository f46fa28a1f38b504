"""A run in one line: what it reached, and what a simple method reaches on the same data."""

from __future__ import annotations

from collections.abc import Mapping

from core import methods
from core.datasets import Dataset
from core.explore import reference_runs
from core.methods import Clusterer
from core.runs import Run
from pages.ui.definitions import nmi_of
from pages.ui.live import scope_words
from pages.ui.state import store
from pages.ui.text import plain


def headline(run: Run) -> str:
    """ACC, NMI as the paper of the method defines it, and the best simple reference; silhouette and blocks without labels."""
    words = score_words(run.result.get("metrics", {}), methods.method_class(run.spec.method)) + labelled_words(run)
    best = best_reference(run)
    if best is None:
        return words
    title, value = best
    return f"{words}  ·  :gray[best simple reference: {plain(title)} {value:.3f}]"


def labelled_words(run: Run) -> str:
    """Of how many samples the scores speak, where only some have a label."""
    known = run.result.get("n_labelled")
    return f"  ·  of the {known:,} labelled samples" if known else ""


def score_words(scores: Mapping[str, float], cls: type[Clusterer]) -> str:
    """The two scores that matter most."""
    if "acc" in scores:
        nmi, title, _ = nmi_of(cls.name)
        return f"ACC **{scores['acc']:.3f}**  ·  {title} **{scores[nmi]:.3f}**"
    names = {"silhouette": "Silhouette", "block_diagonality": "Affinity inside clusters"}
    return "  ·  ".join(f"{title} **{scores[name]:.3f}**" for name, title in names.items() if name in scores)


def best_reference(run: Run) -> tuple[str, float] | None:
    """The simple method of another kind that does best on the same data, as far as that is known."""
    found = [
        (methods.method_class(name).title, other.result["metrics"]["acc"])
        for name, other in reference_runs(store(), run).items()
        if name != run.spec.method and "acc" in other.result.get("metrics", {})
    ]
    return max(found, key=lambda pair: pair[1], default=None)


def chosen_words(run: Run) -> str:
    """How the constants of a run were chosen, and whether the user has changed any."""
    preset = methods.method_class(run.spec.method).presets.get(run.spec.preset)
    bare = "by rule" if run.spec.preset == methods.RULE else "untuned"
    return (preset.chosen if preset else bare) + (", then changed" if run.spec.modified else "")


def about(run: Run, data: Dataset) -> str:
    """What was run on what, and what a reader must know of it."""
    cls = methods.method_class(run.spec.method)
    parts = [
        f"**{plain(cls.title)}** on **{plain(data.title)}**, {data.n_samples:,} samples, K = {run.result['n_clusters']}, "
        f"seed {run.spec.seed}, preset {plain(run.spec.preset)}, constants chosen: {chosen_words(run)}"
    ]
    if run.spec.branch is not None:
        origin = run.spec.branch
        changed = ", ".join(f"{name} {run.spec.params[name]}" for name in origin["changed"])
        parts.append(plain(f"Branched off from {origin['run']} at {origin['stage']}, step {origin['step']:,}: {changed}"))
    scope = scope_words(run.spec, data.n_samples)
    return ". ".join([*parts, *([scope] if scope else [])])
