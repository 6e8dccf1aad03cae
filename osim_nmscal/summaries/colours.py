"""Colours of every figure: those of Okabe and Ito (2008), "Color Universal Design", told apart by colour-blind readers too."""

MEASURED = "#000000"
CALIBRATED = "#0072B2"
UNCALIBRATED = "#D55E00"
RECORDED = "#555555"
SYNTHESIZED = "#009E73"
QUIET = "#9A9A9A"
CYCLE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
