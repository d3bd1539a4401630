"""The names by which a column or array is known for what it is, whatever their case."""

LABEL_HEADERS = frozenset({"label", "labels", "class", "classes", "target", "targets", "y"})
"""Of labels; first lines taken for a header by `read_labels`."""

EMBEDDING_NAMES = frozenset(
    {"embeddings", "embedding", "features", "feature", "feats", "representations", "vectors"}
)
"""Of embeddings."""
