"""The whole road: one call per station, a results folder of ordinary OpenSim files, and no stage run twice for nothing."""
