"""The child process: llama.cpp's own server, alive exactly as long as whoever started it.

It is run by its path, not as a module: nothing of the folder the parent happens to stand in may be imported. One JSON
line comes in on stdin, one goes out on stdout; whatever llama.cpp prints goes to stderr. stdin closes when the parent
is gone, however it went, and then the child is gone too.
"""

import importlib
import json
import os
import signal
import sys
import threading
from typing import Any

MOST_THREADS = 16


def main() -> None:
    """Serve the model that the line on stdin names until stdin closes."""
    # A terminal's Ctrl-C reaches the whole group; the parent decides when its child ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.dup(1)
    os.dup2(2, 1)
    spec: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    watch = threading.Thread(target=_end_with_parent)
    watch.start()
    server = _serve(spec)
    os.write(answers, json.dumps({"url": server.listening_address}).encode() + b"\n")
    watch.join()


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    # No clean-up: the server's threads may be in the middle of a generation.
    os._exit(0)


def _serve(spec: dict[str, Any]) -> Any:
    llama: Any = importlib.import_module("xllamacpp")
    params = llama.CommonParams()
    params.model.path = spec["model"]
    params.model_alias = {spec["name"]}
    params.api_keys = [spec["api_key"]]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.ui = False
    params.verbosity = -1
    _share_processors(params)
    params.n_parallel = 4
    params.n_ctx = spec["context"]
    # Also the grain of progress and of cancellation: a batch that has begun is finished.
    params.n_batch = params.n_ubatch = 512
    if spec["embedding"]:
        params.embedding = True
        params.embd_normalize = 2
    else:
        params.kv_unified = True
        params.use_jinja = True
        params.ctx_shift = False
        params.cache_ram_mib = 256
    try:
        return llama.Server(params)
    except RuntimeError:
        # A model it cannot load. The watching thread would keep the process alive.
        sys.stderr.flush()
        os._exit(1)


def _share_processors(params: Any) -> None:
    """Use half of the processors.

    The threads wait for each other after each layer of each token. Beside other work, one thread too many makes it all
    ten times slower; one too few makes it half as fast at worst.
    """
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for threads in (params.cpuparams, params.cpuparams_batch):
        threads.n_threads = min(max(1, available // 2), MOST_THREADS)
        threads.poll = 0


if __name__ == "__main__":
    main()
