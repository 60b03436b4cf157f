"""From a workload and a seed to plans, pure: the same seed gives byte-identical plans."""
