"""The server tester, on servers that are known to be good or bad."""
