"""Charts as SVG, drawn in Python: no script, no foreign host, colours by class from the palette."""
