"""Every chart, in one place: geometry and words, from numbers that others chose."""
