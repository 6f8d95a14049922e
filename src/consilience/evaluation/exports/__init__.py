"""What goes out in the formats that others read: scores, their cells with intervals, and item sets.

`material` is what is exported, `rows` the scores in order, `estimates` the cells. Each format is one module
of pure functions that return documents; `exporting` writes them. Invariants: a text of an item leaves only
when it was asked for and its marking allows it; what a format cannot hold is listed beside what was written;
unknown is left out or named unknown, never 0.
"""
