"""Speed beside other libraries at sizes that nobody has chosen."""
