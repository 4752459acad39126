# SalFoM on DAVSOD, fine-tuned from DHF1K as salfom/umt-l16_cc-kl_ucf-sports is.
# Its videos are parts of those of DHF1K.
_base_ = './umt-l16_cc-kl.py'
dataset_type = 'DAVSODDataset'
data_root = 'data/davsod'
load_from = 'work_dirs/umt-l16_cc-kl'
