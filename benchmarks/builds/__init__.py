"""This checkout beside another one, fit by fit."""
