"""What the functions share: booking, exactly-once and the clients of both APIs. Importing it costs nothing."""
