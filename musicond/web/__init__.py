"""The page and the control socket."""
