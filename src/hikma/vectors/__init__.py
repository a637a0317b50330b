"""Here is a vector: who is near?"""
