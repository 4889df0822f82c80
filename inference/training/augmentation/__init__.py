"""More rows of those of a snapshot: the same answers to other questions, and with found answers before questions."""
