# SalFoM on a fold of AVAD, fine-tuned from DHF1K as salfom/umt-l16_cc-kl_ucf-sports is.
_base_ = './umt-l16_cc-kl.py'
dataset_type = 'AVADDataset'
data_root = 'data/avad'
load_from = 'work_dirs/umt-l16_cc-kl'
