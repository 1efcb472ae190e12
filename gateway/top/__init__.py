"""`gateway top`: what a running gateway does at the moment, for a terminal.

`looks` what was read of the admin port, and rates between two readings; `tables` what is shown of it; `plain` as text,
`live` as a screen. Only `live` imports the terminal library.
"""
