"""What keeps the embeddings bounded."""
