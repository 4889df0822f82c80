"""More rows from the rows of a snapshot: the same answers under other questions, and with found passages before them."""
