r"""Deep semi-NMF (Trigeorgis, Bousmalis, Zafeiriou and Schuller, ICML 2014).

    min_{H_l >= 0}  1/2 ||X - H_L Z_L ... Z_1||_F^2

with samples as rows (the paper has columns): X (n, m), mixing matrices Z_l of any sign, codes H_l >= 0 of shrinking width. The
stage "pretrain" factorises layer by layer, H_(l-1) ~ H_l Z_l, the stage "finetune" updates all layers in turn: with
Psi = Z_l ... Z_1 and T the codes of layer l as the layers above it make them,

    Z_l <- T^+ X Psi_(l-1)^+,     H_l <- H_l * sqrt(([X Psi^T]^+ + H_l [Psi Psi^T]^-) / ([X Psi^T]^- + H_l [Psi Psi^T]^+))

where [.]^+ and [.]^- are the positive and the negative part and A^+ on its own is the pseudo-inverse. Each update of H_l
lowers the error for the Psi at hand (Ding, Li and Jordan 2010). k-means groups the codes H_L. New samples get non-negative
codes by the same update with Psi as it is.
"""
