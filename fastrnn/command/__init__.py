"""The command line: files as people export them, read or refused with a line that tells why.

Only `forecast` and `warmup` import what is heavy, so that what is wrong with a file is told at once.
"""
