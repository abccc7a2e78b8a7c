"""all-MiniLM-L6-v2 as a GGUF file of llama.cpp's ``bert`` kind, matrices as Q8_0, in a third of a second."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp_server.model.value import JsonObject

if TYPE_CHECKING:
    import gguf
    import numpy

PARTS = {
    "attn_q": "attention.self.query",
    "attn_k": "attention.self.key",
    "attn_v": "attention.self.value",
    "attn_output": "attention.output.dense",
    "attn_output_norm": "attention.output.LayerNorm",
    "ffn_up": "intermediate.dense",
    "ffn_down": "output.dense",
    "layer_output_norm": "output.LayerNorm",
}
TABLES = {
    "token_embd.weight": "embeddings.word_embeddings.weight",
    "position_embd.weight": "embeddings.position_embeddings.weight",
    "token_types.weight": "embeddings.token_type_embeddings.weight",
    "token_embd_norm.weight": "embeddings.LayerNorm.weight",
    "token_embd_norm.bias": "embeddings.LayerNorm.bias",
}
PLAIN = ("position_embd.weight", "token_types.weight")
"""Matrices that llama.cpp wants unquantised."""


def convert(folder: Path, target: Path) -> None:
    """Write ``target`` from ``model.safetensors``, ``vocab.txt`` and ``config.json`` in ``folder``."""
    import gguf  # noqa: PLC0415 - optional and heavy

    config: JsonObject = json.loads((folder / "config.json").read_text("utf-8"))
    writer = gguf.GGUFWriter(target, "bert")
    try:
        _describe(writer, config)
        _add_vocabulary(writer, (folder / "vocab.txt").read_text("utf-8").split("\n")[:-1])
        tensor = _tensors((folder / "model.safetensors").read_bytes())
        for name, source in _names(config["num_hidden_layers"]).items():
            _add(writer, name, tensor(source))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _describe(writer: "gguf.GGUFWriter", config: JsonObject) -> None:
    import gguf  # noqa: PLC0415 - optional and heavy

    writer.add_name("all-MiniLM-L6-v2")
    writer.add_license("apache-2.0")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)


def _add_vocabulary(writer: "gguf.GGUFWriter", vocabulary: list[str]) -> None:
    import gguf  # noqa: PLC0415 - optional and heavy

    special = [token.startswith("[") and token.endswith("]") for token in vocabulary]
    writer.add_tokenizer_model("bert")
    writer.add_token_list(
        [token if is_special else _phantom(token) for token, is_special in zip(vocabulary, special, strict=True)]
    )
    writer.add_token_types([gguf.TokenType.CONTROL if is_special else gguf.TokenType.NORMAL for is_special in special])
    writer.add_token_type_count(2)
    writer.add_bos_token_id(vocabulary.index("[CLS]"))
    writer.add_eos_token_id(vocabulary.index("[SEP]"))
    writer.add_sep_token_id(vocabulary.index("[SEP]"))
    writer.add_unk_token_id(vocabulary.index("[UNK]"))
    writer.add_pad_token_id(vocabulary.index("[PAD]"))
    writer.add_mask_token_id(vocabulary.index("[MASK]"))


def _phantom(token: str) -> str:
    """WordPiece marks what continues a word, llama.cpp what begins one."""
    return token[2:] if token.startswith("##") else "\u2581" + token


def _names(layers: int) -> dict[str, str]:
    blocks = {
        f"blk.{layer}.{part}.{kind}": f"encoder.layer.{layer}.{source}.{kind}"
        for layer in range(layers)
        for part, source in PARTS.items()
        for kind in ("weight", "bias")
    }
    return TABLES | blocks


def _tensors(content: bytes) -> Callable[[str], "numpy.ndarray[Any, Any]"]:
    """A reader of the safetensors format: a length, a JSON header of that length, the numbers."""
    import numpy as np  # noqa: PLC0415 - optional and heavy

    (length,) = struct.unpack_from("<Q", content)
    header: JsonObject = json.loads(content[8 : 8 + length])

    def tensor(name: str) -> "numpy.ndarray[Any, Any]":
        entry = header[name]
        begin, end = entry["data_offsets"]
        numbers = np.frombuffer(content, np.float32, (end - begin) // 4, 8 + length + begin)
        return numbers.reshape(entry["shape"])

    return tensor


def _add(writer: "gguf.GGUFWriter", name: str, numbers: "numpy.ndarray[Any, Any]") -> None:
    import gguf  # noqa: PLC0415 - optional and heavy

    if numbers.ndim == 2 and name not in PLAIN:
        kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(name, gguf.quants.quantize(numbers, kind), raw_dtype=kind)
    else:
        writer.add_tensor(name, numbers)
