"""Every architecture of transformers, small: its own configuration, few narrow layers, seeded random weights."""

from __future__ import annotations

from typing import Any

SIZES = {  # of whatever is called so in a configuration
    "vocab_size": 96, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 0,
    "initializer_range": 0.2, "init_std": 0.2,
    **dict.fromkeys(("hidden_size", "embedding_size", "d_model", "n_embd", "emb_dim", "dim", "dim_model"), 32),
    **dict.fromkeys(("attention_hidden_size", "word_embed_proj_dim"), 32),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers"), 4),
    **dict.fromkeys(("decoder_layers", "encoder_layers"), 4),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads"), 4),
    **dict.fromkeys(("decoder_attention_heads", "encoder_attention_heads"), 4), "num_key_value_heads": 2,
    **dict.fromkeys(("intermediate_size", "d_inner", "n_inner", "ffn_dim", "hidden_dim", "dim_ff"), 48),
    **dict.fromkeys(("decoder_ffn_dim", "encoder_ffn_dim"), 48),
    **dict.fromkeys(("max_position_embeddings", "n_positions"), 64),
    **dict.fromkeys(("head_dim", "d_head", "dim_head", "qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim"), 8),
    **dict.fromkeys(("q_lora_rank", "kv_lora_rank", "moe_intermediate_size", "shared_expert_intermediate_size"), 16),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts"), 4), "num_experts_per_tok": 2,
    **dict.fromkeys(("n_group", "topk_group", "n_shared_experts"), 1), "state_size": 8,
    "conv_dim": (8,) * 7, "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2,
}  # fmt: skip
MAMBA = {"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_d_state": 8, "mamba_n_groups": 1}
OWN: dict[str, dict[str, Any]] = {  # what some need besides (None: their own default)
    "bamba": MAMBA | {"attn_layer_indices": [1]},
    "codegen": {"rotary_dim": 8},
    "gptj": {"rotary_dim": 8},
    "dots1": {"n_shared_experts": 1, "n_routed_experts": 4, "num_experts_per_tok": 2},
    "esm": {"vocab_size": 96, "mask_token_id": 2, "pad_token_id": 1},
    "esmc": {"num_key_value_heads": 4},
    "falcon_h1": MAMBA | {"mamba_d_ssm": 64},
    "bailing_hybrid": {"layer_types": ["linear_attention", "full_attention"] * 2},
    "deepseek_v2": {"num_experts_per_tok": 2},
    "funnel": {"block_sizes": [2, 2], "block_repeats": [1, 1], "architectures": ["FunnelModel"]},
    "gpt_neo": {"attention_types": [[["global", "local"], 2]]},
    "granitemoehybrid": MAMBA | {"layer_types": ["mamba", "attention"] * 2},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2, "expert_layer_offset": 1},
    "hunyuan_v1_dense": {"head_dim": 8},
    "hunyuan_v1_moe": {"head_dim": 8},
    "kimi_linear": {"layer_types": ["linear_attention", "full_attention"] * 2},
    "luke": {"entity_vocab_size": 8},
    "mamba2": {"num_heads": 8, "head_dim": 8, "n_groups": 1},
    "ministral": {"head_dim": 8},
    "nemotron": {"num_key_value_heads": 2, "head_dim": 8},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 2},
    "sew": {"conv_dim": (8,) * 13},
    "sew-d": {"conv_dim": (8,) * 13},
    "reformer": {"axial_pos_embds_dim": (16, 16), "axial_pos_shape": (8, 8), "is_decoder": True},
    "xmod": {"default_language": "en_XX"},
    "zamba2": {
        "num_hidden_layers": 4,
        "layers_block_type": ["linear_attention", "hybrid"] * 2,
        "n_mamba_heads": 8,
        "mamba_headdim": 8,
        "num_mem_blocks": 1,
    },
    "zaya": {"num_experts_per_tok": 1},
    "xlstm": {"embedding_dim": 32, "num_blocks": 4},
}


def small_config(model_type: str, **settings: Any) -> Any:
    """The configuration of an architecture, small throughout."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    return _small(CONFIG_MAPPING[model_type], {**OWN.get(model_type, {}), **settings})


def _small(kind: Any, own: dict[str, Any]) -> Any:
    usual = kind()
    known, renamed = usual.to_dict(), dict(kind.attribute_map or {})
    latent = {"num_key_value_heads": 4} if "kv_lora_rank" in known else {}  # all heads share what is compressed
    sizes = {
        renamed.get(name, name): size
        for name, size in {**SIZES, **latent}.items()
        if known.get(renamed.get(name, name)) is not None
    }
    parts = {
        name: _small(type(part), {}).to_dict()
        for name in (kind.sub_configs or {})
        if (part := getattr(usual, name, None)) is not None
    }
    return kind(**{**sizes, **parts, **own})


def small_model(model_type: str, **settings: Any) -> Any:
    """The architecture without a head, in evaluation mode."""
    import torch
    from transformers import AutoModel

    config = small_config(model_type, **settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return AutoModel.from_config(config).eval()
