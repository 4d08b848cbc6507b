"""The lab: a hostile path on loopback, in which clients and servers can be tried.

Nothing here can reach beyond this machine: every socket is opened in `loopback`, which refuses
any other address and has no switch.
"""
