"""What a profile of somebody's server may be: proposed from its tools, and from what one observed job has shown.

All of it is pure: what is asked of a server, and when, is the laboratory's work.
"""
