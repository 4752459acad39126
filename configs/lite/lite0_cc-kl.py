# lite0, the model that salkit ships: EfficientNet-Lite0 and a readout, trained on photographs, at
# two scales. The last of three steps: it goes on from the best checkpoint of lite0-one-scale_cc-kl.
_base_ = './lite0-one-scale_cc-kl.py'
# center_gain and smooth_s were chosen on the val splits and on a third of the films.
model = dict(decoder=dict(center_gain=1.5), scales=(1.0, 0.6), smooth_s=0.4)
load_from = 'work_dirs/lite0-one-scale_cc-kl'
optim_wrapper = dict(optimizer=dict(lr=2e-4))
train_cfg = dict(max_epochs=3)
