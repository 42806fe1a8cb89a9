"""What a model has by heart: scores, their share, influences, membership, copies, learning order, planted secrets."""
