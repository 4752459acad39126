# SalFoM on a fold of Coutrot 2, fine-tuned from DHF1K as salfom/umt-l16_cc-kl_ucf-sports is.
_base_ = './umt-l16_cc-kl.py'
dataset_type = 'Coutrot2Dataset'
data_root = 'data/coutrot2'
load_from = 'work_dirs/umt-l16_cc-kl'
