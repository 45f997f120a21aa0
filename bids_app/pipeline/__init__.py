"""The straight line, and the only folder that knows its order.

bids_dir → recordings → stimuli → features → responses → design → fit → partition → derivatives → report → out_dir
"""
