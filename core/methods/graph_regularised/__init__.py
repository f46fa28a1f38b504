"""GR-DNN, the auto-encoders it is built on, and matrix factorisations."""

from core.methods.graph_regularised.cdae import CDAE
from core.methods.graph_regularised.dae import DAE
from core.methods.graph_regularised.ddae import DDAE
from core.methods.graph_regularised.deep_semi_nmf import DeepSemiNMF
from core.methods.graph_regularised.gnmf import GNMF
from core.methods.graph_regularised.grdnn import GRDNN
from core.methods.graph_regularised.lae import LAE
from core.methods.graph_regularised.nmf import NMF

__all__ = ["CDAE", "DAE", "DDAE", "GNMF", "GRDNN", "LAE", "NMF", "DeepSemiNMF"]
