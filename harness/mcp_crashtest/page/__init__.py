"""The report page: one self-contained file that draws what ``telling`` tells. It decides nothing and judges nothing."""
