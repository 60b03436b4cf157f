"""Subjects: the only place of the lab that starts or kills a process.

A small *guard* process stands between the lab and everything that it starts: it adopts whoever loses its parent, and
when the lab is gone, however it went, it kills until nobody is left. *Fork servers*, children of the guard, have
imported what Python subjects import and fork them on request.
"""
