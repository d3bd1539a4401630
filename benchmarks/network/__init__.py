"""Parts of `trained_network.py`: real images, a small network, its training and its measurement."""
