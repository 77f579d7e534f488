#!/usr/bin/env python3
"""Makes a language model of a megabyte out of random numbers: `tiny_model.py FOLDER`.

One token is one byte, so the vocabulary needs no training, and answers are full of half characters: what a relay
that decodes text would break on. What it says is noise; how vLLM says it is what the test is about.
"""
import json
import pathlib
import sys

import numpy
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

WIDTH, INNER, LAYERS, HEADS, KV_HEADS, CONTEXT = 128, 256, 2, 4, 2, 2048
BEGIN, END, TURN = "<begin>", "<end>", "<turn>"
TEMPLATE = "{% for message in messages %}<turn>{{ message.role }}: {{ message.content }}\n{% endfor %}<turn>assistant: "


def tokenizer():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={char: number for number, char in enumerate(alphabet)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(mark, special=True) for mark in (BEGIN, END, TURN)])
    return made


def weights(vocabulary):
    random = numpy.random.default_rng(20261123)

    def matrix(rows, columns, spread):
        return (spread * random.standard_normal((rows, columns))).astype(numpy.float32)

    head = WIDTH // HEADS
    out = {
        "model.embed_tokens.weight": matrix(vocabulary, WIDTH, 0.05),
        "model.norm.weight": numpy.ones(WIDTH, numpy.float32),
        "lm_head.weight": matrix(vocabulary, WIDTH, 0.25),
    }
    out["lm_head.weight"][256:] = 0  # the marks are all but never drawn: answers end where max_tokens says
    for layer in range(LAYERS):
        at = f"model.layers.{layer}"
        for norm in ("input_layernorm", "post_attention_layernorm"):
            out[f"{at}.{norm}.weight"] = numpy.ones(WIDTH, numpy.float32)
        shapes = {"self_attn.q_proj": (WIDTH, WIDTH), "self_attn.k_proj": (KV_HEADS * head, WIDTH),
                  "self_attn.v_proj": (KV_HEADS * head, WIDTH), "self_attn.o_proj": (WIDTH, WIDTH),
                  "mlp.gate_proj": (INNER, WIDTH), "mlp.up_proj": (INNER, WIDTH), "mlp.down_proj": (WIDTH, INNER)}
        for name, (rows, columns) in shapes.items():
            out[f"{at}.{name}.weight"] = matrix(rows, columns, columns ** -0.5)
    return out


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    tokens = tokenizer()
    size = tokens.get_vocab_size()
    begin, end = tokens.token_to_id(BEGIN), tokens.token_to_id(END)
    tokens.save(str(folder / "tokenizer.json"))
    save_file(weights(size), folder / "model.safetensors", metadata={"format": "pt"})
    files = {
        "config.json": {
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": size, "hidden_size": WIDTH,
            "intermediate_size": INNER, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
            "num_key_value_heads": KV_HEADS, "head_dim": WIDTH // HEADS, "max_position_embeddings": CONTEXT,
            "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": False,
            "attention_bias": False, "mlp_bias": False, "torch_dtype": "float32", "bos_token_id": begin, "eos_token_id": end,
        },
        "generation_config.json": {"bos_token_id": begin, "eos_token_id": end},
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": CONTEXT, "bos_token": BEGIN, "eos_token": END,
            "clean_up_tokenization_spaces": False, "chat_template": TEMPLATE,
        },
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=1), encoding="utf-8")
    print(f"tiny_model: {folder}: {sum(path.stat().st_size for path in folder.iterdir()) / 1e6:.1f} MB, {size} tokens")


main()
