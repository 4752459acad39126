# SalFoM on a fold of ETMD, fine-tuned from DHF1K as salfom/umt-l16_cc-kl_ucf-sports is.
_base_ = './umt-l16_cc-kl.py'
dataset_type = 'ETMDDataset'
data_root = 'data/etmd'
load_from = 'work_dirs/umt-l16_cc-kl'
