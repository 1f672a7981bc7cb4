"""What is decided, and the program itself: intake, decide, route, deliver, views, API, CLI."""
