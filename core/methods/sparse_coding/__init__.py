"""Sparse codes over a dictionary and a graph, and networks unrolled from them: TAGnet and its relatives."""

from core.methods.sparse_coding.be import BE
from core.methods.sparse_coding.dtagnet import DTAGnet
from core.methods.sparse_coding.gsc import GSC
from core.methods.sparse_coding.sc_clustering import SCClustering
from core.methods.sparse_coding.tagnet import TAGnet

__all__ = ["BE", "GSC", "DTAGnet", "SCClustering", "TAGnet"]
