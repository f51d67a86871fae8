"""What is one training item of a face from profile to profile?"""
