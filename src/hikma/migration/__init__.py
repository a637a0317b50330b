"""Vectors move from one space to another while they are searched: jobs, gates, proof."""
