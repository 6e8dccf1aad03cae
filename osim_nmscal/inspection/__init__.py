"""What a file holds, before anything is computed from it: for `osim-nmscal inspect` and for guessing a configuration."""
