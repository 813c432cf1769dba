"""Make the lists that training reads."""
