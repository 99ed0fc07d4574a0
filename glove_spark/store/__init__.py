"""Files and folders, local or on object stores, and how datasets are published in them."""
