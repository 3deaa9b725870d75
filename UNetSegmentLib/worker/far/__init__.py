"""A worker on another machine, reached by the user's own ssh; for its client it is one more command to start.

A relay process on this machine (:mod:`.relay`) speaks the ordinary protocol with its client, files included, and on its
other side frames (:mod:`.stream`) with the far end (:mod:`.far_end`), which starts the ordinary worker beside itself.
"""
