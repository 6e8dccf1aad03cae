"""Public recordings to try the whole road on, fetched from where they were published."""
