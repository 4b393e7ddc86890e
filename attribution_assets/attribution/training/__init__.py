"""Training's way to what is stored: where trained conversion types lie, and answers to learn from.

How parameters are learned is in `ihc_service/training/`, which knows of no files.
"""
