"""Does anything get lost when cameras, networks, disks and readers fail?"""
