"""What a figure is made of, and two drawers that share it: plotly's for the page, matplotlib's for paper."""
