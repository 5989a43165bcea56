"""Spotify's Web API: sign-in, lists and playback, by a client id of the user's own."""
