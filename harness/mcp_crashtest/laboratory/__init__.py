"""The laboratory: plans are played on subjects that were seen to work, and scenarios are tried."""
