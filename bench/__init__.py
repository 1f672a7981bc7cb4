"""Measurements: peers interleaved in each round, ratios with their spread, correctness gates beside every figure."""
