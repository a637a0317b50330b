"""How do people and agents come in?"""
