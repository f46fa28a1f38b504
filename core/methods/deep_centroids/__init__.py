"""Codes and centroids trained together: the DEC family."""
