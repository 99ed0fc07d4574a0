"""Where words start that training has not seen: published vectors, averages of contexts."""
