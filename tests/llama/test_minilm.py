"""The conversion, on a model of the same shape but a few numbers wide."""

import json
import struct

import gguf
import numpy as np

from mcp_server.backends.llama.minilm import PARTS, TABLES, convert

WIDTH, LAYERS = 32, 1
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "cat", "##s"]
CONFIG = {
    "max_position_embeddings": 8,
    "hidden_size": WIDTH,
    "intermediate_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 2,
    "layer_norm_eps": 1e-12,
}


def safetensors(tensors: dict[str, np.ndarray]) -> bytes:
    header, content = {}, b""
    for name, numbers in tensors.items():
        data = numbers.tobytes()
        header[name] = {
            "dtype": "F32",
            "shape": numbers.shape,
            "data_offsets": [len(content), len(content) + len(data)],
        }
        content += data
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content


def test_every_tensor_and_token_arrives(tmp_path):
    random = np.random.default_rng(1)
    rows = {"token_embd": len(VOCABULARY), "position_embd": 8, "token_types": 2}
    tensors = {}
    for name, source in TABLES.items():
        shape = (WIDTH,) if "norm" in name else (rows[name.removesuffix(".weight")], WIDTH)
        tensors[source] = random.random(shape, np.float32)
    for source in PARTS.values():
        matrix = (WIDTH,) if "LayerNorm" in source else (WIDTH, WIDTH)
        tensors[f"encoder.layer.0.{source}.weight"] = random.random(matrix, np.float32)
        tensors[f"encoder.layer.0.{source}.bias"] = random.random(WIDTH, np.float32)
    (tmp_path / "model.safetensors").write_bytes(safetensors(tensors))
    (tmp_path / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    (tmp_path / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")

    convert(tmp_path, tmp_path / "made.gguf")

    made = gguf.GGUFReader(tmp_path / "made.gguf")
    found = {tensor.name: tensor for tensor in made.tensors}
    assert len(found) == len(tensors)
    positions = found["position_embd.weight"].data
    assert np.array_equal(positions, tensors[TABLES["position_embd.weight"]])
    matrix = found["blk.0.ffn_up.weight"]
    assert matrix.tensor_type == gguf.GGMLQuantizationType.Q8_0
    plain = gguf.quants.dequantize(matrix.data, matrix.tensor_type)
    assert np.allclose(plain, tensors["encoder.layer.0.intermediate.dense.weight"], atol=0.01)
    assert made.fields["tokenizer.ggml.tokens"].contents()[4:] == ["[MASK]", "\u2581cat", "s"]
    assert made.fields["tokenizer.ggml.bos_token_id"].contents() == VOCABULARY.index("[CLS]")
