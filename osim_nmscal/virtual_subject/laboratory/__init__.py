"""What a laboratory records of the person, and the files it writes."""
