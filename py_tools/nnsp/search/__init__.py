"""Searches over networks and settings."""
