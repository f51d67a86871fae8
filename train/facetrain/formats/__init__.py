"""Readers and writers of label files: which formats can be read?"""
