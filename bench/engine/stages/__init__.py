"""What is measured, one file for what needs the same things loaded."""
