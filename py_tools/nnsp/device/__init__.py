"""Boards, emulated and real, and the link to them."""
