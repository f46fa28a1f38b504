"""Figures: data first, drawing second."""
