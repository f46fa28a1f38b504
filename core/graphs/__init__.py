"""Graphs of samples: nearest neighbours, adaptive weights, anchors, Laplacians; and batches that hold neighbours.

Arrays in, sparse arrays out. Uses `core.common`. The modules `batches` and `tensors` need torch and are imported by name.
"""

from core.graphs.adaptive import adaptive_neighbors, symmetrized_graph
from core.graphs.anchors import AnchorChoice, anchor_graph, anchor_weights, find_anchors, half_weights, neighbor_graph
from core.graphs.laplacians import Extension, extension, laplacian, scaled, scales
from core.graphs.neighbors import nearest_among, nearest_neighbors, nearest_of, ordered_neighbors, smallest, squared_distances

__all__ = [
    "AnchorChoice",
    "Extension",
    "adaptive_neighbors",
    "anchor_graph",
    "anchor_weights",
    "extension",
    "find_anchors",
    "half_weights",
    "laplacian",
    "nearest_among",
    "nearest_neighbors",
    "nearest_of",
    "neighbor_graph",
    "ordered_neighbors",
    "scaled",
    "scales",
    "smallest",
    "squared_distances",
    "symmetrized_graph",
]
