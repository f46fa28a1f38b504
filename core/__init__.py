"""Affinity Lab: graph-regularised and subspace deep clustering that one can watch.

A house of rooms, each a folder with its public names in ``__all__``; ``core/README.md`` is the map.
"""

__version__ = "0.2.0"
