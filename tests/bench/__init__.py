"""`make bench`: the server beside its engine, its framework and other servers, in one run; and the steps of a build.

Figures of one machine at one time. Nothing here passes or fails by a figure; only an error fails the run.
"""
