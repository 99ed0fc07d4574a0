"""What a user can set: what an option is, the options of every stage, and files of them."""
