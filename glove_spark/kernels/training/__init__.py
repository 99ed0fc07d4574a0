"""The objective, the update of one cell, the schedule of cells and the merge of replicas."""
