"""Exit codes that a result ends with; cli.py says all of them."""

NOT_CONFIRMED = 3
CARE = 4
