"""Raters: programs, judge models and humans."""
