"""MNIST2 (GR-DNN, section 4): MNIST with rotated copies, and by how much each was turned."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.datasets.raw import Attribute, RawData

TRAIN, COPIES_OF_TRAIN, COPIES_OF_TEST = 60_000, 40_000, 10_000
MAX_ANGLE = 45.0
_SEED = 2017
_SECTOR = 15


def with_rotated_copies(raw: RawData) -> RawData:
    """60,000 training images and 40,000 copies of some of them, then 10,000 test images and a copy of each.

    A copy is turned about its centre by an angle drawn uniformly from [-45, 45] degrees, from a fixed seed, with linear
    interpolation. The paper does not say which images were copied; here no training image is a copy of a test image.

    Parameters
    ----------
    raw
        The 70,000 images of MNIST in their original order.
    """
    assert raw.y is not None and raw.image_shape is not None
    train, test = np.arange(TRAIN), np.arange(TRAIN, len(raw.X))
    copied, angles = _draw()
    images = raw.X.reshape(-1, *raw.image_shape)
    parts = [
        (images[train], train),
        (rotated(images[copied], angles[:COPIES_OF_TRAIN]), copied),
        (images[test], test),
        (rotated(images[test], angles[COPIES_OF_TRAIN:]), test),
    ]
    X = np.concatenate([part.reshape(len(part), -1) for part, _ in parts])
    return RawData(X, raw.y[np.concatenate([rows for _, rows in parts])], raw.image_shape, raw.classes)


def _draw() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The training images that are copied, and the angle of each copy, those of the training images first."""
    random = np.random.default_rng(_SEED)
    copied = np.sort(random.choice(np.arange(TRAIN), COPIES_OF_TRAIN, replace=False))
    return copied, random.uniform(-MAX_ANGLE, MAX_ANGLE, COPIES_OF_TRAIN + COPIES_OF_TEST)


def angle(raw: RawData) -> Attribute:
    """By which angle each image of MNIST2 was turned, in sectors of 15 degrees; the images of MNIST were not."""
    copies = 1 + np.floor((_draw()[1] + MAX_ANGLE) / _SECTOR).astype(np.int64)
    n_test = len(raw.X) - TRAIN - COPIES_OF_TRAIN - COPIES_OF_TEST
    parts = [np.zeros(TRAIN, np.int64), copies[:COPIES_OF_TRAIN], np.zeros(n_test, np.int64), copies[COPIES_OF_TRAIN:]]
    starts = range(-int(MAX_ANGLE), int(MAX_ANGLE), _SECTOR)
    return Attribute(np.concatenate(parts), ("not turned", *(f"{start}° to {start + _SECTOR}°" for start in starts)))


def rotated(images: NDArray[np.uint8], degrees: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Grey images (n, h, w), each turned counter-clockwise about its centre; what comes from outside is black."""
    from scipy.ndimage import affine_transform

    angles = np.deg2rad(degrees)
    turns = np.stack([np.cos(angles), np.sin(angles), -np.sin(angles), np.cos(angles)], axis=1).reshape(-1, 2, 2)
    centre = (np.array(images.shape[1:]) - 1) / 2
    offsets = centre - turns @ centre
    turned = [
        affine_transform(image.astype(np.float32), turn, offset, order=1, mode="grid-constant")
        for image, turn, offset in zip(images, turns, offsets, strict=True)
    ]
    return np.rint(turned).astype(np.uint8)
