"""Auto-encoders and their pretraining by data set, one recipe each, so that methods can start from the same network.

The layouts are those of the papers' programs unless a line says otherwise. Their start weights come without a recipe,
so the pretraining is our own: mini-batches and few passes instead of thousands of full-batch steps.
"""

from __future__ import annotations

from typing import Any

from core.methods.contract import Preset


def network(
    channels: tuple[int, ...], kernel_sizes: tuple[int, ...], epochs: int, batch: int | None, rate: float, **more: Any
) -> dict[str, Any]:
    """Convolutional network and its pretraining, at a constant learning rate unless `more` says otherwise."""
    return {
        "channels": channels, "kernel_sizes": kernel_sizes, "pretrain_epochs": epochs, "batch_size": batch,
        "pretrain_learning_rate": rate, "pretrain_schedule": "constant", **more,
    }  # fmt: skip


COIL20 = network((15,), (3,), 20, 64, 4e-3)
ORL = network((10, 20, 30), (3, 3, 3), 60, 40, 2e-3)  # wider than published: the width of the code decides here
ORL_CODE = network((3, 3, 5), (3, 3, 3), 300, 40, 4e-3, pretrain_schedule="cosine", pixel_range=255.0)
ORL_PAPER = {**ORL_CODE, "channels": (5, 3, 3), "kernel_sizes": (5, 3, 3)}
YALEB = network((10, 20, 30), (5, 3, 3), 60, 128, 1e-3, pixel_range=255.0)
COIL40 = network((20,), (3,), 20, 64, 4e-3)
COIL100 = network((50,), (5,), 20, 64, 2e-3)
MNIST_1000 = network((10, 20, 30), (5, 3, 3), 40, 64, 2e-3, pretrain_schedule="cosine")  # wider than published, as for ORL
MNIST_1000_CODE = {**MNIST_1000, "channels": (20, 10, 5)}
MNIST_1000_PAPER = {**MNIST_1000, "channels": (15, 10, 5)}
UMIST = ORL
UMIST_CODE = network((15, 10, 5), (5, 3, 3), 60, 40, 2e-3, pretrain_schedule="cosine", pixel_range=255.0)
UMIST_PAPER = {**UMIST_CODE, "channels": (20, 10, 5)}
DIGITS = {**COIL20, "pretrain_epochs": 10}

SHARED = (
    ("coil20", "COIL-20", COIL20), ("coil40", "COIL-40", COIL40), ("coil100", "COIL-100", COIL100), ("orl", "ORL", ORL),
    ("yaleb", "Extended Yale B", YALEB), ("mnist_1000", "MNIST-1000", MNIST_1000), ("umist", "UMIST", UMIST),
    ("digits", "Digits", DIGITS),
)  # fmt: skip

EMBEDDED: dict[str, Any] = {
    "network": "dense", "widths": (500, 500, 2000, 10), "pretrain_epochs": 20, "batch_size": 256,
    "pretrain_learning_rate": 1e-3, "pretrain_schedule": "cosine",
}  # fmt: skip
"""The fully connected network of the DEC family."""


def embedded(note: str) -> dict[str, Preset]:
    """The presets of the DEC family, all from the same start."""
    sets = (("digits", "Digits"), ("mnist_test", "MNIST-test"), ("usps", "USPS"))
    small = {"widths": (200, 100, 10), "batch_size": 64, "pretrain_epochs": 60}
    return {
        name: Preset(title=title, dataset=name, note=note, params={**EMBEDDED, **(small if name == "digits" else {})})
        for name, title in sets
    }
