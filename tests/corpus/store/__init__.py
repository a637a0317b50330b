"""Tidepool's library."""
