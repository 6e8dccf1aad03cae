"""What the person does: prescribed motions, what OpenSim says of them, the ground, and the excitations behind them."""
