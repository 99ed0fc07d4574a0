"""The report page of an output folder, and plots of the neighbours of words.

`content` reads the datasets, `word_map` places words, `page` writes HTML, `neighbor_plot` draws one
word. Nothing here needs Spark.
"""
