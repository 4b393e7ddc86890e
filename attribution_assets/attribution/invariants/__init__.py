"""What must hold of each day's tables, as pure functions that return what is wrong in words."""
