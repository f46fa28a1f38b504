"""Figures: data first, drawing second.

Holds one module a kind of figure, imported by name where a page draws. Arrays in, Plotly figures out.
Uses nothing of the house.
"""

__all__: list[str] = []
