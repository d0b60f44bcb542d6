"""What the launcher costs, each figure beside the limit that no launcher could pass.

Machines are noisy and disks differ, so a figure alone says little. Every run measures a part and
its limit one right after the other; what counts is the ratio of the two, and its median over
several runs.
"""
