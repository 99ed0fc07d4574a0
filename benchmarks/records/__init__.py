"""What every benchmark records: runs, memory, machine and commit; and the records."""
