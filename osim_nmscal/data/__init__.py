"""The nouns that stations hand to one another: frozen dataclasses on numpy, SI units, axes (time, trial, dof, muscle)."""
