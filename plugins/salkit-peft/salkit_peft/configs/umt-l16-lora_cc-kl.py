# SalFoM on DHF1K with LoRA of rank 8 on every linear layer of a frozen UMT-L.
_base_ = 'salkit::salfom/umt-l16_cc-kl.py'

model = dict(
    encoder=dict(
        _delete_=True,
        type='LoRAEncoder',
        # init_cfg: the UMT file that training starts from.
        encoder=dict(type='UMTEncoder', arch='large', clip_len=16, init_cfg=None),
        rank=8,
        alpha=16,
    )
)
# The decoder trains at the paper's rate; adapters, which begin at zero, at ten times that.
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'.lora_': dict(lr_mult=10)}))
