"""Library of the training and evaluation commands."""
