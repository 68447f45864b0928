"""What people fill in. Forms read; `lending.services` decide."""
