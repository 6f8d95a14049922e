"""Validity of the statistics by simulation: coverage of intervals, false alarms of tests, many designs."""
