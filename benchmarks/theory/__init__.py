"""The claims of the theory, each as a function that measures how far it is from true."""
