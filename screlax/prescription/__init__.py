"""From description to prescription: the weights, numbers and temperature that reach a geometry.

`design` is the public one; a thing that may be chosen is a knob (`knobs`), by continuous numbers,
or one of a few alternatives (`choices`).
"""
