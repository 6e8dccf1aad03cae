"""Work in a process of its own: what crashes, hangs or eats memory there is one sentence here. Knows neither OpenSim nor torch."""
