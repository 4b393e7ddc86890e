"""What runs without a person: jobs, schedules and sensors, all off at first."""
