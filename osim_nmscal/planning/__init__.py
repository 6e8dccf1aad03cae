"""What should be recorded next: how much each further recording would tell of each muscle, before anything is recorded."""
