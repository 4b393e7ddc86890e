"""Tests in tiers (`unit`, `integration`, `end_to_end`), what they share (`support`), and the benchmark."""
