"""ogx, which was Llama Stack: a whole platform of its own, over llama.cpp's server."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.real.llama_cpp import CHAT, EMBED
from tests.real.process import START_SECONDS, free_port, installed, packages, running
from tests.real.servers import Engines, Real

NATIVE = frozenset(
    {"chain", "stored", "retrieve", "delete", "conversations", "compact", "background", "files", "vector_stores"}
    | {"json_schema"}
)


@contextmanager
def ogx(folder: Path, served: Engines) -> Iterator[Real]:
    """Run it until the block ends. It counts tokens with files that LiteLLM has in its package."""
    port = free_port()
    config = folder / "config.yaml"
    config.write_text(json.dumps(_config(folder, served)), "utf-8")
    tokenizers = packages("litellm") / "litellm" / "litellm_core_utils" / "tokenizers"
    command = [installed("ogx") / "bin" / "ogx", "run", config, "--insecure", "--port", str(port)]
    with running(command, folder, "Uvicorn running on", TIKTOKEN_CACHE_DIR=str(tokenizers)):
        base_url = f"http://127.0.0.1:{port}/v1"
        # It asks its engines before it lists their models for the first time, and may take seconds.
        with urlopen(f"{base_url}/models", timeout=START_SECONDS):
            yield Real(base_url, f"chat/{CHAT}", "unused", known_as="ogx", native=NATIVE)


def _config(folder: Path, served: Engines) -> dict[str, Any]:
    """JSON is YAML."""
    table, keys = {"backend": "sql_default"}, {"backend": "kv_default"}
    store = {"metadata": {**keys, "namespace": "registry"}}
    store |= {name: {**table, "table_name": name} for name in ("inference", "conversations", "prompts", "connectors")}
    providers = {
        "inference": [_engine("chat", served.chat, served.key), _engine("embed", served.embed, served.key)],
        "vector_io": [_provider("faiss", persistence={**keys, "namespace": "vector_io::faiss"})],
        "files": [
            _provider("localfs", storage_dir=str(folder / "files"), metadata_store={**table, "table_name": "files"})
        ],
        "file_processors": [_provider("pypdf")],
        "responses": [_provider("builtin", persistence={"responses": {**table, "table_name": "responses"}})],
        "tool_runtime": [_provider("file-search")],
    }
    embedding = {"provider_id": "embed", "model_type": "embedding"}
    size = {"embedding_dimension": 384, "context_length": 512}
    return {
        "version": 2,
        "distro_name": "real",
        "apis": list(providers),
        "providers": providers,
        "storage": {
            "backends": {
                "kv_default": {"type": "kv_sqlite", "db_path": str(folder / "keys.db")},
                "sql_default": {"type": "sql_sqlite", "db_path": str(folder / "tables.db")},
            },
            "stores": store,
        },
        "registered_resources": {
            "models": [{**embedding, "model_id": EMBED, "provider_model_id": EMBED, "metadata": size}]
        },
        "vector_stores": {
            "default_provider_id": "faiss",
            "default_embedding_model": {"provider_id": "embed", "model_id": EMBED},
        },
        # Without a host it listens on every interface.
        "server": {"host": "127.0.0.1"},
    }


def _provider(name: str, **config: Any) -> dict[str, Any]:
    return {"provider_id": name, "provider_type": f"inline::{name}", "config": config}


def _engine(name: str, base_url: str, key: str) -> dict[str, Any]:
    config = {"base_url": base_url, "api_key": key}
    return {"provider_id": name, "provider_type": "remote::llama-cpp-server", "config": config}
