"""What happens to damaged and hostile input?"""
