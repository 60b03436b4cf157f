"""Faults: one file a family, one row an act. An act lands its fault, gives the proof, and heals it afterwards."""
