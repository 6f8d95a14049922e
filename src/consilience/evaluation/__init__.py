"""Evaluation: the protocol, the run, raters, and the analysis of what several laboratories found."""
