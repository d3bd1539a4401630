"""Newton on the slack-vector equations."""
