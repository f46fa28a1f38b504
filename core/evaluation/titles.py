"""How scores are called where people read them."""

from __future__ import annotations

TITLES = {
    "acc": "ACC", "nmi_geometric": "NMI (geometric)", "nmi_max": "NMI (max)", "nmi_arithmetic": "NMI (arithmetic)",
    "ari": "ARI", "rest_acc": "ACC on the rest", "code_norm": "size of codes",
    "relative_error": "unexplained share", "effective_rank": "effective rank",
}  # fmt: skip


def score_title(name: str) -> str:
    """The title of a score, or of a term of the objective, by its name in records."""
    return TITLES.get(name, name.replace("map_", "mAP@").replace("loss.", "loss: ").replace("_", " "))
