"""What is known of a person's muscles before any trial is seen: better starting values than linear scaling, as data in, data out."""
