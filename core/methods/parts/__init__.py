"""Parts that several methods hold: a pretrained network, the read-out of C, k-means on codes."""
