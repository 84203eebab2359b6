"""Recurrent sequence learning for TensorFlow 2: cells, unrollings, step loops."""

import os
import platform

__version__ = "0.1.0"

# TensorFlow reads it once, when it is imported. Left to itself it multiplies with oneDNN only
# where a processor has AVX-512 VNNI or AMX; on others large products are faster with it too.
if platform.machine() == "x86_64":
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
