"""Trust: keys, envelopes, the Merkle log, checkpoints and witnesses. Works without a network.

What it proves is order and integrity: who signed which bytes, and that a log grew and was never rewritten. It
does not prove that a run was honest; see docs/explanation/security.md.
"""
