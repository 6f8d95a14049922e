"""Reporting: the joint report, its charts and its words in several languages."""
