"""Seeded attacks on the program from outside: what it survives, counted. `python -m tests.campaigns --help`."""
