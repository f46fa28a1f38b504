"""Texts as features, on request: tf-idf, as the field makes it of news.

scikit-learn's weights over all words of the file (rows of unit length), of which the 2,000 words with the largest sums stay:
the protocol of RGRL and of deep k-means for RCV1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.common import DataError
from core.datasets.checks import check_size

N_WORDS = 2_000
MOST_WORDS = 200_000
"""Of the words of a file the most frequent ones count; the rest are misprints and numbers."""


def tfidf(source: str, texts: Sequence[str]) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Weights (n, at most 2000) of the words that stay, in the order of the alphabet, and these.

    Raises
    ------
    DataError
        If there is no word in any of the texts.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(dtype=np.float32, max_features=MOST_WORDS)
    try:
        weights = vectorizer.fit_transform(texts)
    except ValueError as error:  # its only complaint about texts
        raise DataError(f"{source}: there is no word of two letters or more in the column of text.") from error
    sums = np.asarray(weights.sum(axis=0)).ravel()
    kept = np.sort(np.argsort(-sums, kind="stable")[:N_WORDS])
    check_size(source, "the table of words", (len(texts), len(kept)), 4)
    words = vectorizer.get_feature_names_out()[kept]
    return np.asarray(weights[:, kept].todense(), dtype=np.float32), tuple(str(word) for word in words)
