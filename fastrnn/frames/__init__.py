"""Time series as people have them, in arrays or tables: read once, and forecasts given back in kind.

pandas is optional, and imported only where a table came in; its calendars are those of all libraries' tables.
"""
