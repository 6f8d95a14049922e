"""Records: the eleven kinds, their ids, versions and markings, and their canonical bytes. Pure: no I/O."""
