"""What a solution says beyond its Gram matrix: embeddings, sensitivity."""
