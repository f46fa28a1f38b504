"""Graphs of samples: neighbours with adaptive weights, and kernel weights over anchors or neighbours."""

from core.graphs.adaptive import adaptive_neighbors, laplacian, symmetrized_graph
from core.graphs.anchors import AnchorGraph, anchor_graph, anchor_weights, find_anchors, neighbor_graph

__all__ = [
    "AnchorGraph",
    "adaptive_neighbors",
    "anchor_graph",
    "anchor_weights",
    "find_anchors",
    "laplacian",
    "neighbor_graph",
    "symmetrized_graph",
]
