"""Persons with known truth: anatomical models of our own, motions, excitations, and what a laboratory would record of them."""
