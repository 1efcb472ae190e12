"""`gateway top`: what a running gateway does at the moment, for a terminal.

snapshots   what was read of the admin port, and the rates between two snapshots
tables      what is shown of them
plain       as text
live        as a screen; alone in importing the terminal library
"""
