"""What takes the place of real data where no source answers.

A stand-in is a file beside this one, made by ``tools.stand_ins``, or a
function that returns what the reader of the real files returns: ``drawn`` has
those of pictures, ``grammar`` those of texts.
"""
