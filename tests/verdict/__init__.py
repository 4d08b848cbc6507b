"""What is to be thought of what was seen."""
