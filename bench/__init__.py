"""What the gateway costs beside what people would use instead.

`python -m bench` runs all jobs, or those that are named, and writes what it measures into `bench/results`;
`python -m bench report` makes the figures of docs/performance.md of them. Contenders run on a core of their own, in
turn, round by round. Ratios travel between machines, absolute figures do not.
"""
