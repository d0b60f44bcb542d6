"""One run in real names: found again (`guide`), played (`stage`, `replay`), told, and kept.

A search goes through worlds by number; what people read is one run, and it is played by calling
`step` along it.
"""
