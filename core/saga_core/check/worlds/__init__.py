"""The world around the reducer: what can happen in it, and all its states as small integers.

`happenings` says what can happen, `memo` what that makes of the reducer's state, `places` where the
world then is. `view` and `settling` give states that behave alike the same name.
"""
