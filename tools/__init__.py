"""Tools around the model; run from a checkout."""
