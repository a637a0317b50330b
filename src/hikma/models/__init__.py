"""Here is a text: what does it mean?"""
