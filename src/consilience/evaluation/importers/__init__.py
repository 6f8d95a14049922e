"""Readers of what other harnesses wrote, without those harnesses: their logs become scores and an account of
what each score means.

`imported` has the types that readers fill, `source` the files that they are given, `sink` what they write
into. Each format is one module. Nothing is averaged on the way in; what cannot be mapped is listed.
"""
