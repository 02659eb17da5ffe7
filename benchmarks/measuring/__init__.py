"""What all rooms measure with: blocks of calls, processes, the machine's limit, memory, tables."""
