"""Gates of the tracker: which readings of a landmark network are faces with usable points?"""
