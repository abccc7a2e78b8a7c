"""The programs that launch this server, as data, and what is written into their files."""
