"""The pure core: messages, ports, mood, recommendation, pipeline. No clock, no thread, no logging."""
