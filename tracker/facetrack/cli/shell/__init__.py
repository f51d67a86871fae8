"""What every command shares with the shell: names of files, help, how much is said, and how errors are said."""
