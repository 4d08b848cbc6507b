"""What should have happened: levels, the table, the history."""
