"""Sections of the joint report: each turns a part of the joint result into what its template shows."""
