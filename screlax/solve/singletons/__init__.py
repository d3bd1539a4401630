"""Newton on the equations with singleton classes."""
