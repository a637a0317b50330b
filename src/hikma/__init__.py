"""Hikma: a git repository as one SQLite file that answers."""
