"""GR-DNN, the auto-encoders it is built on, and matrix factorisations."""
