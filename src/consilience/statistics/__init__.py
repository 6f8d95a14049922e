"""Statistics: arrays in, frozen results out. Imports numpy and scipy and nothing of ours."""
