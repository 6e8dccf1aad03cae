"""A first configuration from what a laboratory's folder holds: guesses where the files tell something, questions where they do not."""
