"""One page about one output folder, and plots of a word's neighbours.

`content` reads the datasets, `word_map` places words, `page` writes HTML, `neighbor_plot` draws one
word. Nothing here needs Spark.
"""
