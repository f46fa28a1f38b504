"""Plain ports of the published programs, written down as they are, to measure and check against."""
