"""Stories: failures that the sandbox plays by itself, and checks of the daemon's reaction.

`registry` lists them, `player` plays one. A story uses `story_context` for what it does and sees,
and `story_checks` or checks of the story itself for what it waits for.
"""
