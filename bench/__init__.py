"""What the gateway costs, beside what it is measured against: run all with `python -m bench`, or name some.

Every script runs its contenders interleaved in one process or against one load, and prints medians with their spread
and ratios: ratios travel between machines, absolute figures do not.
"""
