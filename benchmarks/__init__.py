"""Measurements, side by side in one run: ratios are claims, absolute times are not."""
