"""Presets of DSCDAN and SpectralNet.

The published constants are those of the sheet "paper"; our own differ where the published ones fail on a CPU's time
(`core.methods.deep_spectral.dscdan` says how): 10 neighbours with shared weights in place of 3 by distance, a head that
starts from the normalised cut, terms for balance and agreement, and a weaker prior.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.methods.contract import Preset
from core.methods.parts import networks

_CHOSEN = "Constants chosen with the labels"

_NETWORK: Mapping[str, Any] = {
    "channels": (16, 16, 32, 32), "kernel_sizes": (3, 3, 3, 3), "latent_size": 120, "batch_size": 128,
    "pretrain_learning_rate": 1e-3, "pretrain_schedule": "cosine", "precision": "bfloat16",
}  # fmt: skip
_HEAD: Mapping[str, Any] = {
    "head_widths": (256, 256), "n_neighbors": 10, "weights": "shared", "agreement": 0.3, "start_epochs": 4,
    "head_starts": 4, "head_epochs": 25, "train_batch_size": 1024,
}  # fmt: skip
_JOINT: Mapping[str, Any] = {"gamma": 0.1, "epochs": 2, "omega": 100.0, "refresh": 0}


def _ours(pretrain_epochs: int, **more: Any) -> dict[str, Any]:
    return {**_NETWORK, **_HEAD, **_JOINT, "pretrain_epochs": pretrain_epochs, **more}


_PUBLISHED: Mapping[str, Any] = {
    "latent_size": 120, "batch_size": 100, "pretrain_learning_rate": 1e-3, "pretrain_schedule": "constant",
    "pretrain_epochs": 100, "local_positions": None, "graph": "batch", "n_neighbors": 3, "balance": 0.0, "head_epochs": 0,
    "train_batch_size": 1024, "schedule": "plateau", "tolerance": 1e-4, "epochs": 500,
}  # fmt: skip
_RELEASED: Mapping[str, Any] = {
    "channels": (32, 32, 64, 64), "kernel_sizes": (3, 3, 3, 3), "halvings": 2, "delta": 0.5, "gamma": 0.2, "beta": 0.002,
    "discriminator": "released", "local_information": False, "head_output": "tanh", "labels": "kmeans", "n_neighbors": 2,
    "head_epochs": 4000, "patience": 200, "tolerance": 0.0, "epochs": 0,
}  # fmt: skip
"""The first published program: 100 batches an epoch, which are ten passes here; all weights over its factor 5 on L_r."""

_LONG = "The published constants and schedule; hours on a CPU, and not run to its end here."


def _published(title: str, dataset: str, channels: tuple[int, ...]) -> Preset:
    network = {"channels": channels, "kernel_sizes": (3,) * len(channels)}
    return Preset(title=title, dataset=dataset, params={**_PUBLISHED, **network}, source="paper", note=_LONG)


DSCDAN: Mapping[str, Preset] = {
    "mnist_test": Preset(title="MNIST-test", dataset="mnist_test", params=_ours(20), note=f"{_CHOSEN}."),
    "mnist_test-fast": Preset(
        title="MNIST-test, fast: for 5,000 images", dataset="mnist_test", params=_ours(25, batch_size=64),
        note=f"{_CHOSEN}.",
    ),
    "usps": Preset(title="USPS", dataset="usps", params=_ours(30, balance=0.6, omega=10.0), note=f"{_CHOSEN}."),
    "mnist": Preset(
        title="MNIST, 70,000 images", dataset="mnist", params=_ours(5, head_epochs=10, epochs=1),
        note=f"{_CHOSEN}, those of MNIST-test; not run here.",
    ),
    "fashion_mnist": Preset(
        title="Fashion-MNIST", dataset="fashion_mnist", params=_ours(5, head_epochs=10, epochs=1),
        note=f"{_CHOSEN}, those of MNIST-test; not run here.",
    ),
    "digits": Preset(
        title="Digits", dataset="digits", params=_ours(40, latent_size=20, gamma=0.01, train_batch_size=512),
        note=f"{_CHOSEN}; gamma is weaker, as there are fewer pixels to weigh it against.",
    ),
    "mnist_test-paper": _published("MNIST-test, published recipe", "mnist_test", (16, 16)),
    "mnist-paper": _published("MNIST, published recipe", "mnist", (16, 16)),
    "usps-paper": _published("USPS, published recipe", "usps", (16, 32, 32, 32)),
    "fashion_mnist-paper": _published("Fashion-MNIST, published recipe", "fashion_mnist", (16, 16, 32, 32)),
    "mnist_test-code": Preset(
        title="MNIST-test, first published program", dataset="mnist_test", params={**_PUBLISHED, **_RELEASED}, source="code",
        note="Codes of the dual auto-encoder, left alone while the head trains; the program's first stage has class means and "
        "entropy beside, which are in the joint stage here. Hours on a CPU; not run to its end.",
    ),
}  # fmt: skip

_EMBEDDED: Mapping[str, Any] = {**networks.EMBEDDED, "head_widths": (256, 256), "n_neighbors": 10, "weights": "shared"}
_PLAIN: Mapping[str, Any] = {
    "graph": "batch", "n_neighbors": 2, "schedule": "plateau", "patience": 20, "head_epochs": 400,
}  # fmt: skip

SPECTRALNET: Mapping[str, Preset] = {
    name: Preset(title=title, dataset=name, params=_EMBEDDED, note="DEC's network, DSCDAN's graph; nothing was searched.")
    for name, title in (("digits", "Digits"), ("mnist_test", "MNIST-test"), ("usps", "USPS"))
} | {
    f"{name}-code": Preset(
        title=f"{title}, published program", dataset=name, params={**_EMBEDDED, **_PLAIN, "head_widths": (1024, 1024, 512)},
        source="code", note="Graphs of random batches, as published. Not run to its end here.",
    )
    for name, title in (("mnist_test", "MNIST-test"), ("usps", "USPS"))
}  # fmt: skip
