"""Files: text, arrays, blocks of embeddings."""
