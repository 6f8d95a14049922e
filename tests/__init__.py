"""Tests; a package of its own, since other distributions install one of this name."""
