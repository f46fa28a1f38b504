"""Sparse codes over a dictionary and a graph, and networks unrolled from them: TAGnet and its relatives."""
