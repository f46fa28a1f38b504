"""Affinity Lab: graph-regularised and subspace deep clustering that one can watch.

Imports point down only (``tests/test_layers.py`` enforces it):

====== ============================================================ =====================================
layer  modules                                                      owns
====== ============================================================ =====================================
0      ``errors`` ``home`` ``params``                               typed declarations, where things live
1      ``datasets`` ``graphs`` ``spectral`` ``nets`` ``losses``     maths, data, figures: arrays in,
       ``metrics`` ``projections`` ``representation`` ``plots``     arrays or figures out
       ``neighbours`` ``expression`` ``paths`` ``information``
       ``orthogonal`` ``dualnets`` ``descent`` ``unrolled``
       ``bilevel`` ``sparsecoding``
2      ``base`` ``registry`` ``autoencoding`` ``selfexpressive``    the estimator contract, the methods
       ``shallow`` ``scalable`` ``finetuning`` ``grouping``         and what they share
       ``deepcoding`` ``stagewise`` ``centroids`` ``dual``
       ``spectralheads`` ``dictionarycoding``
       ``clustercoding`` ``methods``
3      ``runs`` ``pretrained``                                      the stores of runs and of networks
4      ``processes`` ``observe`` ``recording`` ``outcome``          the one way to train, what is seen
       ``execute`` ``estimates`` ``outofsample`` ``analysis``       of it, and closer looks afterwards
       ``heldout``
5      ``jobs``                                                     queue, workers
6      ``cli`` ``bench`` ``__main__``                               the command line
====== ============================================================ =====================================
"""

__version__ = "0.1.0"
