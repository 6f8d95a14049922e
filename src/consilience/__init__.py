"""Consilience: joint evaluations of AI models by several laboratories, with their errors.

The package's parts and the direction of imports stand in `docs/explanation/architecture.md`;
the first module to read is `consilience.node`.
"""

__version__ = "0.1.0"
