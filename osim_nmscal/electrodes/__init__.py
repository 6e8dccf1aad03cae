"""Which electrodes can be left off: the study of Hambly et al. (2025), from trials or from a whole workflow to its page.

`fewer_channels` says what is left of the recordings, `bench` calibrates with it, `study` asks in which order and how far, `paired_tests`
and `answer` judge, `tables` and `page` show. `of_workflow` prepares the trials of a configuration for it and is the only one that knows
the workflow; nothing but the command line imports this room.
"""
