"""Where optima go as the control lets go of them: max-margin programs."""
