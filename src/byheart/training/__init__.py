"""Training: the loop, fleets and recorded training. It takes a model and data, and knows no registry."""
