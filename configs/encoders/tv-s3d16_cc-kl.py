# SalFoM's decoder on S3D (torchvision, Kinetics-400). One clip is too little for batch statistics.
_base_ = './tv-swin3d-t16_cc-kl.py'
model = dict(encoder=dict(arch='s3d', norm_eval=True))
