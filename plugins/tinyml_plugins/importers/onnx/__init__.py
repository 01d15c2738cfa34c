"""Reading ONNX: the file, its graph in a light form, quantisation, layouts, and one converter for each operator.

``reading`` turns bytes nobody vouches for into a :class:`~.network.Network`; ``qoperator`` rewrites the operators on
integers into dequantise, operate, quantise; ``conversion`` walks the result once and lets ``converters`` emit nodes.
To teach it an operator, write a function ``(Call, Emitter) -> Variable`` and enter it in ``converters.CONVERTERS``.
"""
