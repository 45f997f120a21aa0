"""What is kept of fitted models beside their scores: held-out predictions, weights with their principal components,
penalties."""
