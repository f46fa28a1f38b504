"""Network and self-expression trained together: RGRL, UDLL, DSC-Net."""
